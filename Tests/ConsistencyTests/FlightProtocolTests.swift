import Consistency
import Model
import Testing

/// What a flight does after each answer, and which files it takes away at its end.
@Suite struct FlightProtocolTests {
  private typealias Draft = FlightProtocol.Draft

  private func fence(_ tenant: Int64) -> TenantFence {
    TenantFence(
      tenant: TenantID(tenant), epoch: LeaseEpoch(1), from: .none, to: VisibilityToken(3))
  }

  /// Two tenants, the first with two tables; all of it is put, and the first commit is sent.
  private func flightAtCommit() -> (flow: FlightProtocol, drafts: [Draft]) {
    var flow = FlightProtocol(
      fences: [fence(1), fence(2)],
      parts: [(1, 10), (1, 11), (2, 20)].map {
        FlightProtocol.Part(tenant: TenantID($0), table: TableID($1))
      })
    guard case .materialize(let drafts) = flow.begin() else { return (flow, []) }
    #expect(flow.materialized(drafts) == .put(drafts))
    #expect(flow.put() == .commit(drafts, fences: [fence(1), fence(2)]))
    return (flow, drafts)
  }

  private func end(_ action: FlightProtocol.Action) -> FlightProtocol.End? {
    guard case .finish(let end) = action else { return nil }
    return end
  }

  @Test func aFlightOfNobodyEndsAtOnce() {
    var flow = FlightProtocol(fences: [], parts: [])
    #expect(end(flow.begin()) == FlightProtocol.End())
  }

  @Test func anAppliedCommitKeepsItsFiles() {
    var (flow, _) = flightAtCommit()
    #expect(
      end(flow.received(.applied)) == FlightProtocol.End(committed: [fence(1), fence(2)]))
  }

  @Test func whatFailsBeforeOrAtTheCommitIsTakenAway() {
    var (flow, drafts) = flightAtCommit()
    #expect(end(flow.failed()) == FlightProtocol.End(discarded: drafts, hasFailed: true))
    #expect(
      end(flow.received(.certainlyNotApplied))
        == FlightProtocol.End(discarded: drafts, hasFailed: true))
  }

  @Test func fencedTenantsAreLeftOutAndTheRestIsCommittedAsItIs() {
    var (flow, drafts) = flightAtCommit()
    let rest = Array(drafts.prefix(2))
    #expect(flow.received(.fenced([TenantID(2)])) == .commit(rest, fences: [fence(1)]))
    #expect(
      end(flow.received(.applied))
        == FlightProtocol.End(
          committed: [fence(1)], lost: [TenantID(2)], discarded: [drafts[2]]))
  }

  @Test func aFenceThatNamesNobodyMeansAll() {
    var (flow, drafts) = flightAtCommit()
    #expect(
      end(flow.received(.fenced([])))
        == FlightProtocol.End(lost: [TenantID(1), TenantID(2)], discarded: drafts))
  }

  @Test func onlyChangedTablesAreMaterialisedAgain() {
    var (flow, drafts) = flightAtCommit()
    guard case .materialize(let again) = flow.received(.tablesChanged([TableID(11)])) else {
      Issue.record("nothing is materialised again")
      return
    }
    #expect(again.map(\.part) == [1])
    #expect(!drafts.contains(again[0]))
    #expect(
      flow.put() == .commit([drafts[0], again[0], drafts[2]], fences: [fence(1), fence(2)]))
    #expect(end(flow.received(.applied))?.discarded == [drafts[1]])
  }

  @Test func aChangeOfSomebodyElsesTableEndsTheFlight() {
    var (flow, _) = flightAtCommit()
    #expect(end(flow.received(.tablesChanged([TableID(99)])))?.hasFailed == true)
  }

  @Test func anUnknownOutcomeIsAskedForAndCountsAsItIsAnswered() {
    var (flow, _) = flightAtCommit()
    #expect(flow.received(.outcomeUnknown) == .resolve([fence(1), fence(2)]))
    var other = flow
    #expect(
      end(flow.resolved(isApplied: true))
        == FlightProtocol.End(committed: [fence(1), fence(2)]))
    // The answer rests on a trace that does not last for ever, so the files are not given up.
    #expect(
      end(other.resolved(isApplied: false))
        == FlightProtocol.End(lost: [TenantID(1), TenantID(2)]))
  }

  @Test func anOutcomeThatStaysUnknownKeepsTheFilesOfItsCommitAndNoOthers() {
    var (flow, drafts) = flightAtCommit()
    _ = flow.received(.fenced([TenantID(1)]))
    #expect(flow.received(.outcomeUnknown) == .resolve([fence(2)]))
    #expect(
      end(flow.notResolved())
        == FlightProtocol.End(
          lost: [TenantID(1)], discarded: Array(drafts.prefix(2)), hasFailed: true))
  }
}
