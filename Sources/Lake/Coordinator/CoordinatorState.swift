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
  /// Whose turn it is among several coordinators, with the leases that this one holds.
  var share: ClaimShare
  var unacknowledged: [TenantID: VisibilityToken] = [:]
  var failures: [TenantID: Failure] = [:]
  /// Tenants with dead letters to replay, and from when on that may be tried.
  var replays: [TenantID: Timestamp] = [:]
  /// Those whose last flight was of dead letters: their events are next.
  private(set) var replayedLast: Set<TenantID> = []
  /// Those that fly for their dead letters.
  private(set) var replaying: Set<TenantID> = []

  /// Tenants whose events have crashed the process too often.
  var suspects: Set<TenantID>

  init(schedule: FlushSchedule, share: ClaimShare, suspects: Set<TenantID> = []) {
    self.schedule = schedule
    self.share = share
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

  /// The tenants to take now, those that wait the longest for their turn first.
  ///
  /// - Parameter isStopping: whether to take everything that has not failed. Where there are other
  ///   coordinators, that is what this one holds: the rest is theirs.
  func due(now: Timestamp, isStopping: Bool, options: Coordinator.Options, limit: Int)
    -> [TenantID]
  {
    guard var grounded = grounded(limit: limit, options: options) else { return [] }
    if isStopping { grounded.formUnion(failures.keys) }
    let moment = isStopping ? now.adding(milliseconds: options.flush.longestAgeMs) : now
    var candidates = schedule.candidates(now: moment, excluding: grounded)
    if isStopping, !share.isAlone {
      candidates = candidates.filter { share.holds($0.tenant, now: now) }
    }
    return share.admitted(
      candidates, flying: inFlight.keys, now: now, limit: options.claim.tenants)
  }

  /// When the next tenant becomes due by itself.
  func nextDue(now: Timestamp, options: Coordinator.Options, limit: Int) -> Timestamp? {
    guard let grounded = grounded(limit: limit, options: options) else { return nil }
    let hasRoom = share.room(flying: inFlight.keys, now: now) > 0
    return schedule.nextDue(excluding: grounded) { candidate in
      share.earliestClaim(candidate, hasRoom: hasRoom, now: now)
    }
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
    replayedLast.subtract(members)
    flights[first] = bytes > options.largeFlightBytes
    return members
  }

  private func fliesAlone(_ tenant: TenantID) -> Bool {
    failures[tenant] != nil || suspects.contains(tenant)
  }

  /// Takes a tenant off for its dead letters.
  mutating func flyReplay(_ tenant: TenantID) {
    inFlight[tenant] = VisibilityToken.none
    flights[tenant] = false
    replayedLast.insert(tenant)
    replaying.insert(tenant)
  }

  mutating func land(_ tenants: [TenantID]) {
    for tenant in tenants { inFlight[tenant] = nil }
    replaying.subtract(tenants)
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
