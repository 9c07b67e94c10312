/// A wake-up for a loop that has work to look for: any number of notifications before the loop
/// looks count as one.
///
/// `notify()` wakes all tasks that wait at that moment; if none waits, the next `wait` returns at
/// once. So a notification between "looked, found nothing" and "wait" is never lost.
package final class Notifier: Sendable {
  private struct State {
    var isPending = false
    var nextId = 0
    var waiters: [Int: OneShot<Bool>] = [:]
  }

  private let state = Lock(State())

  package init() {}

  /// Wakes who waits now, or else the next who waits.
  package func notify() {
    let waiters: [OneShot<Bool>] = state.withLock { state in
      let waiters = Array(state.waiters.values)
      state.waiters.removeAll()
      if waiters.isEmpty {
        state.isPending = true
      }
      return waiters
    }
    var wasHeard = waiters.isEmpty
    for waiter in waiters where waiter.decide(true) {
      wasHeard = true
    }
    if !wasHeard {
      // Every waiter had just given up by deadline or cancellation: keep it for the next.
      notify()
    }
  }

  /// Waits for a notification until the deadline.
  ///
  /// Returns true when notified, false when the deadline came or the task was cancelled.
  package func wait(
    until deadline: MonotonicInstant, on clock: any MonotonicClock
  ) async -> Bool {
    let waiter = OneShot<Bool>()
    let id: Int? = state.withLock { state in
      if state.isPending {
        state.isPending = false
        return nil
      }
      let id = state.nextId
      state.nextId += 1
      state.waiters[id] = waiter
      return id
    }
    guard let id else { return true }
    let notified = await waiter.value(
      until: deadline, on: clock, onDeadline: false, onCancel: false)
    if !notified {
      state.withLock { state in _ = state.waiters.removeValue(forKey: id) }
    }
    return notified
  }

  /// Waits for a notification without a deadline; false when the task was cancelled.
  package func wait() async -> Bool {
    await wait(until: .distantFuture, on: SystemMonotonicClock())
  }
}
