import Catalog
import Consistency
import Model

/// What a flight has at hand between two steps of its protocol.
struct FlightWork: Sendable {
  let plan: BatchPlan
  /// Tenants whose events must survive a child process first.
  let suspects: Set<TenantID>
  var tables: [FlightProtocol.Draft: MaterializedTable] = [:]
  var files = FlightFiles()
  /// The commit that was sent last.
  var commit: EventCommit?
  /// Of a commit that was applied.
  var receipt: CommitReceipt?
  var failure: EnvironmentFailure?

  init(plan: BatchPlan, suspects: Set<TenantID>) {
    self.plan = plan
    self.suspects = suspects
  }

  func result(of end: FlightProtocol.End) -> Flight.Result {
    guard let receipt else { return Flight.Result(lost: end.lost) }
    return Flight.Result(
      committed: end.committed.map {
        ($0.tenant, BarrierState.Watermark(token: $0.to, snapshot: receipt.snapshot))
      }, lost: end.lost)
  }
}
