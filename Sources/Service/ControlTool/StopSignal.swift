import Dispatch
import Synchronization

/// Tells several threads to stop, and wakes those that sleep between attempts.
package final class StopSignal: Sendable {
  package enum Reason: Sendable, Equatable {
    /// Ctrl-C.
    case interrupted
    case terminated
    /// Another part of the same work failed.
    case workFailed
  }

  private struct State {
    var reason: Reason?
    var sleepers: [ObjectIdentifier: DispatchSemaphore] = [:]
    var handlers: [@Sendable (Reason) -> Void] = []
  }

  private let state = Mutex(State())

  package init() {}

  package var reason: Reason? {
    state.withLock { $0.reason }
  }

  /// Stops; only the first reason counts.
  package func stop(_ reason: Reason) {
    let handlers: [@Sendable (Reason) -> Void] = state.withLock { state in
      guard state.reason == nil else { return [] }
      state.reason = reason
      for sleeper in state.sleepers.values { sleeper.signal() }
      defer { state.handlers = [] }
      return state.handlers
    }
    for handler in handlers { handler(reason) }
  }

  /// Runs the handler once at the stop, or now when it was before.
  package func onStop(_ handler: @escaping @Sendable (Reason) -> Void) {
    let reason = state.withLock { state in
      if state.reason == nil { state.handlers.append(handler) }
      return state.reason
    }
    if let reason { handler(reason) }
  }

  /// Sleeps on the calling thread; returns early, with true, when stopped.
  package func sleep(milliseconds: Int) -> Bool {
    let semaphore = DispatchSemaphore(value: 0)
    let id = ObjectIdentifier(semaphore)
    let stopped = state.withLock { state in
      if state.reason == nil { state.sleepers[id] = semaphore }
      return state.reason != nil
    }
    if stopped { return true }
    _ = semaphore.wait(timeout: .now() + .milliseconds(milliseconds))
    return state.withLock { state in
      state.sleepers[id] = nil
      return state.reason != nil
    }
  }
}
