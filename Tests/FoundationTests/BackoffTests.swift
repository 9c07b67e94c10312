import Runtime
import Testing

/// SplitMix64 (prng.di.unimi.it): the same numbers in every run.
private struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
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
    var generator = SeededGenerator(state: 1)
    let delays = (0..<1_000).map { _ in
      backoff.delay(afterAttempt: 1, using: &generator).milliseconds
    }
    #expect(delays.allSatisfy { (50...100).contains($0) })
    #expect(delays.contains { $0 < 55 } && delays.contains { $0 > 95 })
  }
}
