/// A clock that stands still until a test moves it.
package final class ManualClock: MonotonicClock {
  private struct Sleeper {
    let deadline: MonotonicInstant
    let wakeUp: OneShot<Bool>
  }

  private struct Observer {
    let sleeperCount: Int
    let reached: OneShot<Void>
  }

  private struct State {
    var now: MonotonicInstant
    var nextId = 0
    var sleepers: [Int: Sleeper] = [:]
    var observers: [Observer] = []

    mutating func takeSatisfiedObservers() -> [Observer] {
      let satisfied = observers.filter { $0.sleeperCount <= sleepers.count }
      observers.removeAll { $0.sleeperCount <= sleepers.count }
      return satisfied
    }
  }

  private let state: Lock<State>

  package init(now: MonotonicInstant = MonotonicInstant(nanoseconds: 0)) {
    state = Lock(State(now: now))
  }

  package var now: MonotonicInstant {
    state.withLock { $0.now }
  }

  package func sleep(until deadline: MonotonicInstant) async throws {
    let wakeUp = OneShot<Bool>()
    let (id, observers): (Int?, [Observer]) = state.withLock { state in
      guard deadline > state.now else { return (nil, []) }
      let id = state.nextId
      state.nextId += 1
      state.sleepers[id] = Sleeper(deadline: deadline, wakeUp: wakeUp)
      return (id, state.takeSatisfiedObservers())
    }
    for observer in observers {
      observer.reached.decide(())
    }
    guard let id else {
      try Task.checkCancellation()
      return
    }
    let woken = await wakeUp.value(onCancel: false)
    guard woken else {
      state.withLock { state in _ = state.sleepers.removeValue(forKey: id) }
      throw CancellationError()
    }
  }

  /// Moves the time and wakes every sleeper whose deadline has come.
  package func advance(by duration: Duration) {
    let due: [Sleeper] = state.withLock { state in
      state.now = state.now.advanced(by: duration)
      let now = state.now
      let due = state.sleepers.filter { $0.value.deadline <= now }
      for id in due.keys {
        state.sleepers.removeValue(forKey: id)
      }
      return due.values.sorted { $0.deadline < $1.deadline }
    }
    for sleeper in due {
      sleeper.wakeUp.decide(true)
    }
  }

  /// Returns when at least that many tasks sleep on this clock, so that a test moves time only
  /// once the code under test waits for it.
  package func waitForSleepers(_ count: Int) async {
    let reached = OneShot<Void>()
    state.withLock { state in
      if state.sleepers.count >= count {
        reached.decide(())
      } else {
        state.observers.append(Observer(sleeperCount: count, reached: reached))
      }
    }
    await reached.value(onCancel: ())
  }
}
