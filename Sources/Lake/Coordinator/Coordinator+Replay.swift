import Catalog
import Consistency
import IngestBus
import Model
import Observability
import Runtime

/// Dead letters that are asked for again.
///
/// A request stands in the catalog until the coordinator that has the tenant carries it out, in a
/// flight of its own: the tenant's events and its letters never fly at the same time, so that what
/// one of them decides by is still so when it commits.
extension Coordinator {
  /// Letters in one flight, and bytes of their payloads.
  static let replayLimit = 1_000
  static let replayByteLimit = 8 << 20

  /// Somebody has asked for dead letters of a tenant; whoever holds it sees to them.
  package func replaysWanted(tenant: TenantID) {
    let now = instant
    state.withLock { $0.wantReplays([tenant], from: now) }
    wakeUp.notify()
  }

  /// Learns of requests that nobody has told us of.
  func readReplays() async {
    do {
      let tenants = try await catalog.tenantsWithReplays()
      guard !tenants.isEmpty else { return }
      let now = instant
      state.withLock { $0.wantReplays(tenants, from: now) }
      wakeUp.notify()
    } catch {
      logger.warning(
        "requests to replay not read", errorCode: "CATALOG_UNAVAILABLE",
        [.detail: LogValue("\(error)")])
    }
  }

  func replay(_ tenant: TenantID) async {
    let asked = instant
    do {
      guard let claim = try await claimReplays(of: tenant) else {
        // Another owner has the tenant and is asked as well, or there is nothing left to do.
        return state.withLock { $0.hasNoReplays(tenant) }
      }
      state.withLock {
        $0.share.obtained(
          tenant, epoch: claim.fence.epoch, now: asked, leaseMs: options.leaseMs)
      }
      let held = TenantClaim(
        tenant: tenant, epoch: claim.fence.epoch, from: claim.fence.from, segments: [])
      let result = try await withHeartbeat([held]) { () async throws(EnvironmentFailure) in
        try await self.flight.replay(claim)
      }
      settleReplay(tenant, result)
    } catch {
      backOffReplay(tenant, error)
    }
  }

  private func claimReplays(
    of tenant: TenantID
  ) async throws(EnvironmentFailure) -> ReplayClaim? {
    do {
      return try await catalog.claimReplays(
        of: tenant, owner: owner, limit: Self.replayLimit, byteLimit: Self.replayByteLimit,
        leaseMs: options.leaseMs)
    } catch {
      throw error == .storageFull ? .storageFull : .catalog("\(error)")
    }
  }

  private func settleReplay(_ tenant: TenantID, _ result: Flight.Result) {
    let now = instant
    state.withLock { state in
      for tenant in result.lost { state.share.lost(tenant) }
      state.failures[tenant] = nil
      // There may be more than one flight takes, and what changed meanwhile is claimed anew.
      state.wantReplays([tenant], from: now)
    }
    hub.announce(result.committed)
    if !result.lost.isEmpty { look.notify() }
  }

  /// As with events, for as long as it takes.
  private func backOffReplay(_ tenant: TenantID, _ failure: EnvironmentFailure) {
    let now = instant
    let delayMs = backOff([tenant], failure)
    state.withLock { $0.wantReplays([tenant], from: now.adding(milliseconds: delayMs)) }
  }
}

extension CoordinatorState {
  /// - Parameter from: not tried before this instant.
  mutating func wantReplays(_ tenants: [TenantID], from: Timestamp) {
    for tenant in tenants { replays[tenant] = max(replays[tenant] ?? from, from) }
  }

  /// Nothing of the tenant's letters can be in the way any more.
  mutating func hasNoReplays(_ tenant: TenantID) {
    if schedule.head(of: tenant) == nil { failures[tenant] = nil }
  }

  /// The next tenant whose letters are due, marked as flying.
  ///
  /// A tenant whose last flight was of letters gives way to its events.
  mutating func takeOffReplay(
    now: Timestamp, isStopping: Bool, options: Coordinator.Options, limit: Int
  ) -> TenantID? {
    guard !isStopping, hasPlaceForReplay(limit: limit) else { return nil }
    let due = replays.filter { $0.value <= now && mayReplay($0.key) }
    let tenant = due.min { ($0.value, $0.key) < ($1.value, $1.key) }?.key
    guard let tenant else { return nil }
    replays[tenant] = nil
    flyReplay(tenant)
    return tenant
  }

  /// Letters leave one place to events, where there is more than one.
  private func hasPlaceForReplay(limit: Int) -> Bool {
    flights.count < limit && replaying.count < max(1, limit - 1)
  }

  private func mayReplay(_ tenant: TenantID) -> Bool {
    inFlight[tenant] == nil && !(replayedLast.contains(tenant) && schedule.head(of: tenant) != nil)
  }

  /// When the next letters are due by themselves.
  func nextReplay(limit: Int) -> Timestamp? {
    guard hasPlaceForReplay(limit: limit) else { return nil }
    return replays.filter { mayReplay($0.key) }.map(\.value).min()
  }
}
