import Runtime
import Testing

@Suite struct ClockTests {
  @Test func aManualClockWakesSleepersAtTheirDeadlineAndNotBefore() async throws {
    let clock = ManualClock()
    let woken = Guarded<[Int]>([])
    try await withThrowingTaskGroup(of: Void.self) { group in
      for milliseconds in [10, 20] {
        group.addTask {
          try await clock.sleep(for: .milliseconds(milliseconds))
          woken.withLock { $0.append(milliseconds) }
        }
      }
      await clock.waitForSleepers(2)
      clock.advance(by: .milliseconds(9))
      #expect(woken.value == [])
      clock.advance(by: .milliseconds(1))
      try await group.next()
      #expect(woken.value == [10])
      clock.advance(by: .milliseconds(10))
      try await group.next()
      #expect(woken.value == [10, 20])
    }
  }

  @Test func aSleepInThePastReturnsAtOnce() async throws {
    let clock = ManualClock(now: MonotonicInstant(nanoseconds: 100))
    try await clock.sleep(until: MonotonicInstant(nanoseconds: 100))
    let system = SystemMonotonicClock()
    try await system.sleep(until: system.now)
  }

  @Test func aCancelledSleepThrows() async {
    let clock = ManualClock()
    let sleeping = Task { try await clock.sleep(for: .seconds(1)) }
    await clock.waitForSleepers(1)
    sleeping.cancel()
    await #expect(throws: CancellationError.self) { try await sleeping.value }
  }

  @Test func theSystemClockSleepsAtLeastAsLongAsAsked() async throws {
    let clock = SystemMonotonicClock()
    let deadline = clock.now.advanced(byMs: 5)
    try await clock.sleep(until: deadline)
    #expect(clock.now >= deadline)
  }

  @Test func instantsSaturateInsteadOfOverflowing() {
    let late = MonotonicInstant(nanoseconds: .max - 5)
    #expect(late.advanced(by: .seconds(1)) == .distantFuture)
    #expect(late.advanced(by: .seconds(Int64.max)) == .distantFuture)
    let early = MonotonicInstant(nanoseconds: .min + 5)
    #expect(early.advanced(by: .seconds(-1)).nanoseconds == .min)
    #expect((late - early).saturatedNanoseconds == .max)
    #expect(Duration.milliseconds(1_500).milliseconds == 1_500)
  }

  @Test func wallTimeIsInMicroseconds() {
    // Between 2024 and 2100.
    #expect(
      (1_704_067_200_000_000...4_102_444_800_000_000).contains(SystemWallClock().nowMicroseconds))
    let manual = ManualWallClock(microseconds: 7)
    manual.set(microseconds: 9)
    #expect(manual.nowMicroseconds == 9)
  }
}
