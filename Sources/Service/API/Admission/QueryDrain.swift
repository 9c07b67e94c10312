import Model
import Runtime

/// How fast each tenant's queries end, so that one who finds the queue full is told when to come
/// back.
final class QueryDrain: Sendable {
  private struct Running {
    var count = 0
    var rate = DrainRate()
  }

  private let running = Lock<[TenantID: Running]>([:])
  private let clock: any MonotonicClock

  init(clock: any MonotonicClock) { self.clock = clock }

  func began(tenant: TenantID) {
    let now = clock.now
    running.withLock { running in
      var known = running[tenant] ?? Running()
      if known.count == 0 { known.rate.began(now: now) }
      known.count += 1
      running[tenant] = known
    }
  }

  /// - Parameter isServed: false for a query that found no place, which says nothing of the rate.
  func ended(tenant: TenantID, isServed: Bool) {
    let now = clock.now
    running.withLock { running in
      guard var known = running[tenant] else { return }
      known.count -= 1
      if isServed { known.rate.left(1, now: now) }
      running[tenant] = known
    }
  }

  /// Until there should be a place again.
  func retryAfterSeconds(tenant: TenantID) -> Int {
    running.withLock { ($0[tenant]?.rate ?? DrainRate()).secondsUntil(1) }
  }
}
