import Catalog
import Consistency
import IngestBus
import Model
import Observability
import Runtime

/// What the coordinator keeps up beside its flights, each at its own pace.
extension Coordinator {
  /// Asks the bus what is pending and tells it what is not any more.
  func keepBooks(until shutdown: Shutdown) async {
    var nextBacklog = clock.now
    var nextAcknowledge = clock.now
    while !Task.isCancelled, !shutdown.isRequested {
      let now = clock.now
      if now >= nextBacklog {
        await readBacklog()
        await readReplays()
        nextBacklog = now.advanced(byMs: backlogIntervalMs)
      }
      if now >= nextAcknowledge {
        await acknowledge()
        nextAcknowledge = now.advanced(byMs: options.acknowledgeIntervalMs)
      }
      if await look.wait(until: min(nextBacklog, nextAcknowledge), on: clock) {
        nextBacklog = clock.now
      }
    }
  }

  /// Where events may wait long for their flight, news of them may as well: what is learned late
  /// is known to be so much older.
  private var backlogIntervalMs: Int {
    max(
      options.backlogIntervalMs,
      min(state.withLock { $0.schedule.maximumAgeMs } / 2, Self.longestBacklogIntervalMs))
  }

  /// Demands and releases that were not heard are noticed by it as well.
  private static let longestBacklogIntervalMs = 1_000

  /// Learns of events that nobody in this process has published, and who holds their tenants.
  private func readBacklog() async {
    do {
      let backlog = try await bus.backlog()
      let now = instant
      let wallNow = Timestamp(microseconds: wall.nowMicroseconds)
      state.withLock { state in
        for tenant in backlog {
          note(tenant.lease, of: tenant.tenant, &state, now: now)
          guard state.inFlight[tenant.tenant] == nil, !isVisible(tenant) else { continue }
          // The clocks of two machines differ: that must not make an event older than old.
          let age = min(
            max(0, wallNow.milliseconds(since: tenant.oldestPublishedAt)),
            options.flush.longestAgeMs)
          state.schedule.learned(
            tenant: tenant.tenant, head: tenant.head, bytes: tenant.bytes,
            oldest: now.adding(milliseconds: -age))
        }
      }
      if !backlog.isEmpty { wakeUp.notify() }
    } catch {
      logger.warning(
        "backlog not read", errorCode: "BUS_UNAVAILABLE", [.detail: LogValue("\(error)")])
    }
  }

  /// Whether it became visible while the backlog was read.
  private func isVisible(_ tenant: TenantBacklog) -> Bool {
    hub.watermark(of: tenant.tenant).map { $0.token >= tenant.head } ?? false
  }

  private func note(
    _ lease: LeaseView?, of tenant: TenantID, _ state: inout CoordinatorState, now: Timestamp
  ) {
    if let lease, lease.owner != owner {
      state.share.heldElsewhere(tenant, until: now.adding(milliseconds: lease.remainingMs))
    } else {
      state.share.notHeldElsewhere(tenant)
    }
  }

  /// Tells the other coordinators of this one, and gives back what is more than its share.
  func keepMembership(until shutdown: Shutdown) async {
    while !Task.isCancelled {
      do {
        let view = try await membership.heartbeat(owner: owner, lifetimeMs: options.leaseMs)
        let now = instant
        let surplus = state.withLock { state in
          state.share.viewed(view, now: now)
          return state.share.surplus(flying: state.inFlight.keys, now: now)
        }
        await release(surplus, reason: .rebalance)
        // Room may have come, or a coordinator gone.
        wakeUp.notify()
      } catch {
        logger.warning(
          "membership not renewed", errorCode: "BUS_UNAVAILABLE", [.detail: LogValue("\(error)")])
      }
      let pause = clock.now.advanced(byMs: options.heartbeatMs)
      if await shutdown.wait(until: pause, on: clock) { return }
    }
  }

  /// Spares the next owner the wait for leases that run out by themselves.
  func leave() async {
    await release(state.withLock { $0.share.releaseAll() }, reason: .shutdown)
    do {
      try await membership.leave(owner: owner)
    } catch {
      logger.warning(
        "membership not ended", errorCode: "BUS_UNAVAILABLE", [.detail: LogValue("\(error)")])
    }
  }

  private func release(
    _ leases: [(tenant: TenantID, epoch: LeaseEpoch)], reason: ReleaseReason
  ) async {
    guard !leases.isEmpty else { return }
    do {
      try await bus.release(owner: owner, claims: leases, reason: reason)
    } catch {
      // They run out by themselves.
      logger.warning(
        "leases not released", errorCode: "BUS_UNAVAILABLE", [.detail: LogValue("\(error)")])
    }
  }

  /// Lets the bus drop what snapshots hold.
  func acknowledge() async {
    let due: [TenantID: VisibilityToken] = state.withLock { state in
      defer { state.unacknowledged = [:] }
      return state.unacknowledged
    }
    guard !due.isEmpty else { return }
    CrashPoint.beforeAcknowledge.reached()
    do {
      try await bus.acknowledge(due.map { (tenant: $0.key, through: $0.value) })
    } catch {
      state.withLock { state in
        state.unacknowledged.merge(due) { max($0, $1) }
      }
      logger.warning(
        "bus not acknowledged", errorCode: "BUS_UNAVAILABLE", [.detail: LogValue("\(error)")])
    }
  }
}
