import Catalog
import Consistency
import IngestBus
import Model
import Observability
import Runtime

extension Coordinator {
  func claim(_ tenants: [TenantID]) async throws(EnvironmentFailure) -> [TenantClaim] {
    do {
      return try await bus.claimBatch(
        owner: owner, tenants: tenants, limit: options.claim, leaseMs: options.leaseMs)
    } catch {
      throw EnvironmentFailure(error)
    }
  }

  /// Keeps the leases alive while `body` runs.
  func withHeartbeat<Value: Sendable>(
    _ claims: [TenantClaim],
    _ body: @escaping @Sendable () async throws(EnvironmentFailure) -> Value
  ) async throws(EnvironmentFailure) -> Value {
    let result = await withTaskGroup(of: Result<Value, EnvironmentFailure>?.self) { group in
      group.addTask { [self] in
        await heartbeat(claims)
        return nil
      }
      group.addTask {
        do throws(EnvironmentFailure) {
          return .success(try await body())
        } catch {
          return .failure(error)
        }
      }
      // The heartbeat ends only when it is cancelled, so the first value is the body's.
      var value: Result<Value, EnvironmentFailure>?
      while value == nil, let next = await group.next() { value = next }
      group.cancelAll()
      return value
    }
    guard let result else { throw .engine("a flight ended without a result") }
    return try result.get()
  }

  private func heartbeat(_ claims: [TenantClaim]) async {
    let leases = claims.map { (tenant: $0.tenant, epoch: $0.epoch) }
    while !Task.isCancelled {
      do {
        try await clock.sleep(until: clock.now.advanced(byMs: options.heartbeatMs))
        _ = try await bus.extendLease(owner: owner, claims: leases, leaseMs: options.leaseMs)
      } catch is CancellationError {
        return
      } catch {
        // A heartbeat that fails is told by the fence of the commit, which alone decides.
        logger.warning(
          "lease not extended", errorCode: "LEASE_EXTEND_FAILED",
          [.tenantCount: LogValue(claims.count), .detail: LogValue("\(error)")])
      }
    }
  }

  /// Takes in what a flight has done.
  func settle(_ tenants: [TenantID], claims: [TenantClaim], _ result: Flight.Result) {
    let now = instant
    let claimed = Set(claims.map(\.tenant))
    let unclaimed = tenants.filter { !claimed.contains($0) }
    let isFull = options.claim.isReached(by: claims)
    state.withLock { state in
      for (tenant, watermark) in result.committed {
        state.schedule.committed(tenant: tenant, watermark: watermark.token, now: now)
        state.unacknowledged[tenant] = watermark.token
        state.failures[tenant] = nil
        state.suspects.remove(tenant)
      }
      // A claim that was full has left tenants out: their turn is next. Otherwise nothing was
      // there,
      // or another owner has it: the bus tells us again if that changes. What was published since
      // stays known.
      for tenant in (isFull ? [] : unclaimed) + result.lost {
        state.failures[tenant] = nil
        if state.schedule.head(of: tenant) == state.inFlight[tenant] {
          state.schedule.forget(tenant: tenant)
        }
      }
    }
    hub.announce(result.committed)
  }

  /// A failure of the environment dead-letters nothing: the tenants wait and are tried again, for
  /// as long as it takes.
  func backOff(_ tenants: [TenantID], _ failure: EnvironmentFailure) {
    metrics.coordinator.environmentFailures.with(failure.component).increment()
    let now = instant
    let delayMs: Int = state.withLock { state in
      var longest = 0
      for (tenant, attempts) in state.failed(tenants, failure) {
        let delayMs = Int(options.backoff.delay(afterAttempt: attempts).milliseconds)
        state.schedule.failed(tenant: tenant, notBefore: now.adding(milliseconds: delayMs))
        longest = max(longest, delayMs)
      }
      return longest
    }
    metrics.coordinator.claimRetries.increment(by: tenants.count)
    logger.error(
      "events could not be committed", errorCode: "ENVIRONMENT_FAILURE",
      [
        .serviceName: LogValue(failure.component), .tenantCount: LogValue(tenants.count),
        .delayMs: LogValue(delayMs), .detail: LogValue("\(failure)"),
      ])
  }

  /// Events of a tenant that are on their way into a snapshot.
  package func claimedEvents(of tenant: TenantID) -> Int64 {
    let head = state.withLock { $0.inFlight[tenant] }
    guard let head, let watermark = hub.watermark(of: tenant)?.token else { return 0 }
    return max(0, head.rawValue - watermark.rawValue)
  }

  /// Asks the bus what is pending and tells it what is not any more, each at its own pace.
  func keepBooks(until shutdown: Shutdown) async {
    var nextBacklog = clock.now
    var nextAcknowledge = clock.now
    while !Task.isCancelled {
      let now = clock.now
      if now >= nextBacklog {
        await readBacklog()
        nextBacklog = now.advanced(byMs: options.backlogIntervalMs)
      }
      if now >= nextAcknowledge {
        await acknowledge()
        nextAcknowledge = now.advanced(byMs: options.acknowledgeIntervalMs)
      }
      if await shutdown.wait(until: min(nextBacklog, nextAcknowledge), on: clock) { return }
    }
  }

  /// Learns of events that nobody in this process has published.
  private func readBacklog() async {
    do {
      let backlog = try await bus.backlog()
      let now = instant
      state.withLock { state in
        for tenant in backlog where state.inFlight[tenant.tenant] == nil {
          state.schedule.learned(
            tenant: tenant.tenant, head: tenant.head, bytes: tenant.bytes, now: now)
        }
      }
      if !backlog.isEmpty { wakeUp.notify() }
    } catch {
      logger.warning(
        "backlog not read", errorCode: "BUS_UNAVAILABLE", [.detail: LogValue("\(error)")])
    }
  }

  /// Spares the next owner the wait for leases that run out by themselves.
  func releaseLeases() async {
    let leases = state.withLock { state in
      defer { state.leases = [:] }
      return state.leases.map { (tenant: $0.key, epoch: $0.value) }
    }
    guard !leases.isEmpty else { return }
    do {
      try await bus.release(owner: owner, claims: leases, reason: .shutdown)
    } catch {
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

extension EnvironmentFailure {
  init(_ error: BusError) {
    self =
      switch error {
      case .storageFull: .storageFull
      case .damaged(let reason): .damaged(reason)
      case .unavailable(let reason), .outcomeUnknown(let reason): .catalog(reason)
      case .closed: .catalog("the bus is closed")
      }
  }
}
