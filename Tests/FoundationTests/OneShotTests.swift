import Runtime
import Testing

@Suite struct OneShotTests {
  @Test func theFirstDecisionWinsAndLaterOnesLearnIt() async {
    let oneShot = OneShot<Int>()
    #expect(oneShot.decide(1))
    #expect(!oneShot.decide(2))
    #expect(await oneShot.value() == 1)
  }

  @Test func exactlyOneOfManyRacingDecisionsWins() async {
    for _ in 0..<200 {
      let oneShot = OneShot<Int>()
      let winners = await withTaskGroup(of: Bool.self) { group in
        for candidate in 0..<8 {
          group.addTask { oneShot.decide(candidate) }
        }
        return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
      }
      #expect(winners == 1)
    }
  }

  @Test func aDeadlineDecidesWhenNothingElseDoes() async {
    let clock = ManualClock()
    let oneShot = OneShot<String>()
    async let value = oneShot.value(
      until: clock.now.advanced(byMs: 10), on: clock, onDeadline: "late", onCancel: "cancelled")
    await clock.waitForSleepers(1)
    clock.advance(by: .milliseconds(10))
    #expect(await value == "late")
  }

  @Test func aCancelledTaskStopsWaiting() async {
    let clock = ManualClock()
    let oneShot = OneShot<String>()
    let waiting = Task {
      await oneShot.value(
        until: clock.now.advanced(byMs: 10), on: clock, onDeadline: "late", onCancel: "cancelled")
    }
    await clock.waitForSleepers(1)
    waiting.cancel()
    #expect(await waiting.value == "cancelled")
  }
}
