import Runtime
import Testing

@Suite struct NotifierTests {
  private let clock = ManualClock()

  @Test func notificationsBeforeAWaitCountAsOne() async {
    let notifier = Notifier()
    notifier.notify()
    notifier.notify()
    #expect(await notifier.wait(until: clock.now.advanced(byMs: 1), on: clock))
    async let second = notifier.wait(until: clock.now.advanced(byMs: 1), on: clock)
    await clock.waitForSleepers(1)
    clock.advance(by: .milliseconds(1))
    #expect(await second == false)
  }

  @Test func allWhoWaitAreWoken() async {
    let notifier = Notifier()
    let woken = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<3 {
        group.addTask { [clock] in
          await notifier.wait(until: clock.now.advanced(byMs: 1), on: clock)
        }
      }
      await clock.waitForSleepers(3)
      notifier.notify()
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(woken == 3)
  }

  @Test func aNotificationIsNotLostToAWaiterThatWasCancelled() async {
    let notifier = Notifier()
    let waiting = Task { [clock] in
      await notifier.wait(until: clock.now.advanced(byMs: 1), on: clock)
    }
    await clock.waitForSleepers(1)
    waiting.cancel()
    notifier.notify()
    let wasWoken = await waiting.value
    if !wasWoken {
      #expect(await notifier.wait(until: clock.now, on: clock))
    }
  }

  @Test func aConsumerThatLooksAfterEachWakeUpSeesEverythingProduced() async {
    let notifier = Notifier()
    let produced = Guarded(0)
    let target = 2_000
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          for _ in 0..<(target / 4) {
            produced.withLock { $0 += 1 }
            notifier.notify()
          }
        }
      }
      group.addTask {
        while produced.value < target {
          // Without a deadline: a lost wake-up would hang here.
          _ = await notifier.wait()
        }
      }
    }
    #expect(produced.value == target)
  }
}
