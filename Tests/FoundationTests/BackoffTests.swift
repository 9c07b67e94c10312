import Runtime
import Testing

/// A generator that always gives the same number.
private struct FixedGenerator: RandomNumberGenerator {
  let value: UInt64
  mutating func next() -> UInt64 { value }
}

@Suite struct BackoffTests {
  @Test func delaysDoubleUpToTheCap() {
    let backoff = Backoff(initialMs: 10, maximumMs: 100, jitter: 0)
    #expect(
      (1...6).map { backoff.delay(afterAttempt: $0) }
        == [10, 20, 40, 80, 100, 100].map { .milliseconds($0) })
  }

  @Test func anAttemptNumberOfAnySizeStaysAtTheCap() {
    let backoff = Backoff(initialMs: 1, maximumMs: 5_000, jitter: 0)
    #expect(backoff.delay(afterAttempt: .max) == .milliseconds(5_000))
    #expect(backoff.delay(afterAttempt: 0) == .milliseconds(1))
  }

  @Test func jitterOnlyShortensAndAtMostByItsShare() {
    let backoff = Backoff(initialMs: 100, maximumMs: 100, jitter: 0.5)
    var lowest = FixedGenerator(value: 0)
    var highest = FixedGenerator(value: .max)
    #expect(backoff.delay(afterAttempt: 1, using: &lowest) == .milliseconds(100))
    #expect(backoff.delay(afterAttempt: 1, using: &highest) == .milliseconds(50))
  }
}
