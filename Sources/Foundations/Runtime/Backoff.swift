/// How long to wait before the next attempt: exponential growth up to a cap, with jitter.
///
/// A pure value: the attempt number goes in, a duration comes out. With a jitter of 0.5 a delay
/// lies evenly between half of the exponential value and the whole of it, so that processes that
/// failed together do not return together.
package struct Backoff: Sendable, Equatable {
  package let initialMs: Double
  package let maximumMs: Double
  package let multiplier: Double
  package let jitter: Double

  package init(
    initialMs: Double, maximumMs: Double, multiplier: Double = 2, jitter: Double = 0.5
  ) {
    precondition(initialMs > 0 && maximumMs >= initialMs && multiplier >= 1)
    precondition((0...1).contains(jitter))
    self.initialMs = initialMs
    self.maximumMs = maximumMs
    self.multiplier = multiplier
    self.jitter = jitter
  }

  /// The delay before attempt `attempt + 1`; the first failure is attempt 1.
  package func delay(
    afterAttempt attempt: Int, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    var delayMs = initialMs
    var remaining = max(attempt, 1) - 1
    // Stops at the cap, so that an attempt number of any size costs a few steps.
    while remaining > 0 && delayMs < maximumMs && multiplier > 1 {
      delayMs *= multiplier
      remaining -= 1
    }
    delayMs = min(delayMs, maximumMs)
    let share = jitter == 0 ? 0 : Double.random(in: 0...jitter, using: &generator)
    return .nanoseconds(Int64(delayMs * (1 - share) * 1_000_000))
  }

  /// The delay with the system's random numbers.
  package func delay(afterAttempt attempt: Int) -> Duration {
    var generator = SystemRandomNumberGenerator()
    return delay(afterAttempt: attempt, using: &generator)
  }
}
