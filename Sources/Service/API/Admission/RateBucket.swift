import Runtime

/// A token bucket that may go into debt.
///
/// Whoever comes while there is credit is let in whole, whatever it costs; the debt it leaves is
/// worked off at the bucket's rate before the next one is let in. So a request larger than the
/// burst is not refused for ever, and the long-run rate still holds.
package struct RateBucket: Sendable {
  /// Units a second.
  package let rate: Double
  /// Units that an idle tenant may use at once.
  package let burst: Double
  private var credit: Double
  private var updated: MonotonicInstant

  package init(rate: Double, burst: Double, now: MonotonicInstant) {
    self.rate = rate
    self.burst = burst
    credit = burst
    updated = now
  }

  /// Whether the bucket is as an unused one, so that it can be forgotten.
  package mutating func isFull(now: MonotonicInstant) -> Bool {
    refill(now)
    return credit >= burst
  }

  /// Nil when there is credit; else the time until there is.
  package mutating func delay(now: MonotonicInstant) -> Duration? {
    refill(now)
    guard credit <= 0 else { return nil }
    // Strictly above nothing, so that whoever waits as long as told is let in.
    return .nanoseconds(Int64(min(-credit / rate, 86_400) * 1e9) + 1_000)
  }

  package mutating func charge(_ cost: Double, now: MonotonicInstant) {
    refill(now)
    credit -= cost
  }

  private mutating func refill(_ now: MonotonicInstant) {
    guard now > updated else { return }
    credit = min(burst, credit + rate * (now - updated).milliseconds / 1_000)
    updated = now
  }
}
