import Catalog
import Consistency
import IngestBus
import Model
import Observability
import Runtime

extension Coordinator {
  func claim(_ tenants: [TenantID]) async throws(EnvironmentFailure) -> [TenantClaim] {
    // From before the call, so that we never believe a lease longer than it holds.
    let asked = instant
    let claims: [TenantClaim]
    do {
      claims = try await bus.claimBatch(
        owner: owner, tenants: tenants, limit: options.claim, leaseMs: options.leaseMs)
    } catch {
      throw EnvironmentFailure(error)
    }
    state.withLock { state in
      for claim in claims {
        state.share.obtained(
          claim.tenant, epoch: claim.epoch, now: asked, leaseMs: options.leaseMs)
      }
    }
    return claims
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
        let until = instant.adding(milliseconds: options.leaseMs)
        let kept = Set(
          try await bus.extendLease(owner: owner, claims: leases, leaseMs: options.leaseMs))
        state.withLock { state in
          for lease in leases where kept.contains(lease.tenant) {
            state.share.extended(lease.tenant, epoch: lease.epoch, until: until)
          }
        }
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
      for tenant in result.lost { state.share.lost(tenant) }
      // A claim that was full has left tenants out: their turn is next. Otherwise nothing was
      // there, or another owner has it: the bus tells us again if that changes. What was published
      // since stays known.
      for tenant in (isFull ? [] : unclaimed) + result.lost {
        state.failures[tenant] = nil
        if state.schedule.head(of: tenant) == state.inFlight[tenant] {
          state.schedule.forget(tenant: tenant)
        }
      }
    }
    hub.announce(result.committed)
    // A lease that ran out under us has no other holder: who waits must not wait for the next
    // look at the bus.
    if !result.lost.isEmpty { look.notify() }
  }

  /// A failure of the environment dead-letters nothing: the tenants wait and are tried again, for
  /// as long as it takes.
  ///
  /// - Returns: how long, in milliseconds.
  @discardableResult
  func backOff(_ tenants: [TenantID], _ failure: EnvironmentFailure) -> Int {
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
    return delayMs
  }

  /// Events of a tenant that are on their way into a snapshot.
  package func claimedEvents(of tenant: TenantID) -> Int64 {
    let head = state.withLock { $0.inFlight[tenant] }
    guard let head, let watermark = hub.watermark(of: tenant)?.token else { return 0 }
    return max(0, head.rawValue - watermark.rawValue)
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
