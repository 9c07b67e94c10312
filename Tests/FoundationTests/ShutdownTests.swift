import Runtime
import Testing

@Suite struct ShutdownTests {
  @Test func aRequestWakesAllWhoWaitAndRunsTheHandlersOnce() async {
    let shutdown = Shutdown()
    let clock = ManualClock()
    let calls = Guarded(0)
    shutdown.onRequest { calls.withLock { $0 += 1 } }
    async let first = shutdown.wait(until: clock.now.advanced(byMs: 1), on: clock)
    async let second = shutdown.wait(until: clock.now.advanced(byMs: 1), on: clock)
    await clock.waitForSleepers(2)
    #expect(!shutdown.isRequested)
    shutdown.request(.signal(15), deadline: MonotonicInstant(nanoseconds: 9))
    shutdown.request(.requested)
    #expect(await first)
    #expect(await second)
    #expect(shutdown.reason == .signal(15))
    #expect(shutdown.deadline == MonotonicInstant(nanoseconds: 9))
    #expect(calls.value == 1)
    shutdown.onRequest { calls.withLock { $0 += 1 } }
    #expect(calls.value == 2)
    #expect(await shutdown.wait())
  }

  @Test func aPauseEndsAtItsDeadlineWithoutARequest() async {
    let shutdown = Shutdown()
    let clock = ManualClock()
    async let pause = shutdown.wait(until: clock.now.advanced(byMs: 1), on: clock)
    await clock.waitForSleepers(1)
    clock.advance(by: .milliseconds(1))
    #expect(await pause == false)
  }

  @Test func aCancelledTaskStopsWaiting() async {
    let shutdown = Shutdown()
    let waiting = Task { await shutdown.wait() }
    waiting.cancel()
    #expect(await waiting.value == false)
  }
}
