import Consistency
import Model

/// What the coordinator's loop, its flights and the callers of `published` share.
///
/// Invariant: a tenant is in at most one flight, and there are never more flights than places.
struct CoordinatorState {
  /// Why a tenant's events could not be committed, and how often in a row.
  struct Failure {
    var attempts: Int
    var cause: EnvironmentFailure
  }

  var schedule: FlushSchedule
  /// Tenants being materialised, with the head that was known when they were taken.
  private(set) var inFlight: [TenantID: VisibilityToken] = [:]
  /// By the first tenant of each; whether it is a large one.
  private(set) var flights: [TenantID: Bool] = [:]
  /// The newest lease of each tenant, given back at the end.
  var leases: [TenantID: LeaseEpoch] = [:]
  var unacknowledged: [TenantID: VisibilityToken] = [:]
  var failures: [TenantID: Failure] = [:]

  /// Tenants whose events have crashed the process too often.
  var suspects: Set<TenantID>

  init(schedule: FlushSchedule, suspects: Set<TenantID> = []) {
    self.schedule = schedule
    self.suspects = suspects
  }

  /// What keeps events from becoming visible, by the tenant that has failed the longest.
  var trouble: EnvironmentFailure? {
    failures.values.max { $0.attempts < $1.attempts }?.cause
  }

  /// The tenants that cannot take off now; nil when nobody can.
  func grounded(limit: Int, options: Coordinator.Options) -> Set<TenantID>? {
    guard flights.count < limit else { return nil }
    var grounded = Set(inFlight.keys)
    let large = flights.values.count { $0 }
    if limit > 1, large >= limit - 1 {
      grounded.formUnion(schedule.tenants(withMoreBytesThan: options.largeFlightBytes))
    }
    return grounded
  }

  /// Forms the next flight of tenants that are due, in their order.
  ///
  /// A tenant whose last attempt failed or crashed flies alone, so that what is wrong with it (a
  /// damaged segment) stays its own; so does one with many events, so that the others need not wait
  /// for it.
  mutating func takeOff(_ due: [TenantID], options: Coordinator.Options) -> [TenantID]? {
    guard let first = due.first else { return nil }
    var bytes = schedule.bytes(of: first)
    var members = [first]
    if !fliesAlone(first) {
      for tenant in due.dropFirst() where !fliesAlone(tenant) {
        let more = schedule.bytes(of: tenant)
        guard bytes + more <= options.largeFlightBytes else { continue }
        bytes += more
        members.append(tenant)
      }
    }
    for tenant in members { inFlight[tenant] = schedule.head(of: tenant) }
    flights[first] = bytes > options.largeFlightBytes
    return members
  }

  private func fliesAlone(_ tenant: TenantID) -> Bool {
    failures[tenant] != nil || suspects.contains(tenant)
  }

  mutating func land(_ tenants: [TenantID]) {
    for tenant in tenants { inFlight[tenant] = nil }
    if let first = tenants.first { flights[first] = nil }
  }

  mutating func failed(
    _ tenants: [TenantID], _ cause: EnvironmentFailure
  ) -> [(tenant: TenantID, attempts: Int)] {
    tenants.map { tenant in
      let attempts = (failures[tenant]?.attempts ?? 0) + 1
      failures[tenant] = Failure(attempts: attempts, cause: cause)
      return (tenant, attempts)
    }
  }
}
