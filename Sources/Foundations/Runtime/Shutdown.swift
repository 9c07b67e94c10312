/// Why a shutdown was requested.
package enum ShutdownReason: Sendable, Equatable {
  /// The operating system asked, by this signal.
  case signal(Int32)
  /// A service of the group failed or ended.
  case serviceEnded(String)
  /// The program itself asked.
  case requested
}

/// The word "finish what you hold and return", passed to each service as an argument.
///
/// It is the graceful half of stopping: a service that sees it takes no new work, finishes what it
/// holds, and returns. The other half, "stop now", is the cancellation of its task, which follows
/// when the grace period is over.
package final class Shutdown: Sendable {
  private struct State {
    var reason: ShutdownReason?
    var deadline = MonotonicInstant.distantFuture
    var nextId = 0
    var waiters: [Int: OneShot<Bool>] = [:]
    var handlers: [@Sendable () -> Void] = []
  }

  private let state = Lock(State())

  package init() {}

  package var isRequested: Bool {
    state.withLock { $0.reason != nil }
  }

  package var reason: ShutdownReason? {
    state.withLock { $0.reason }
  }

  /// When those that still run will be cancelled; `distantFuture` while nothing is requested.
  package var deadline: MonotonicInstant {
    state.withLock { $0.deadline }
  }

  /// Requests it. Only the first request counts; any thread may call this.
  package func request(
    _ reason: ShutdownReason = .requested, deadline: MonotonicInstant = .distantFuture
  ) {
    let (waiters, handlers): ([OneShot<Bool>], [@Sendable () -> Void]) = state.withLock { state in
      guard state.reason == nil else { return ([], []) }
      state.reason = reason
      state.deadline = deadline
      defer {
        state.waiters = [:]
        state.handlers = []
      }
      return (Array(state.waiters.values), state.handlers)
    }
    for waiter in waiters {
      waiter.decide(true)
    }
    for handler in handlers {
      handler()
    }
  }

  /// Runs the handler once when the shutdown is requested, at once if it is already, on the thread
  /// that requests it. It must not block; it serves to wake a loop or to close a listener, and is
  /// kept until then: register a fixed number of them.
  package func onRequest(_ handler: @escaping @Sendable () -> Void) {
    let isRequested = state.withLock { state in
      if state.reason == nil {
        state.handlers.append(handler)
        return false
      }
      return true
    }
    if isRequested {
      handler()
    }
  }

  /// Waits for the request. Returns false when the task was cancelled first.
  @discardableResult
  package func wait() async -> Bool {
    await wait(until: .distantFuture, on: SystemMonotonicClock())
  }

  /// Waits for the request until the deadline: the pause of a loop that a shutdown cuts short.
  ///
  /// Returns true when the shutdown is requested, false when the deadline came or the task was
  /// cancelled.
  package func wait(
    until deadline: MonotonicInstant, on clock: any MonotonicClock
  ) async -> Bool {
    let waiter = OneShot<Bool>()
    let id: Int? = state.withLock { state in
      guard state.reason == nil else { return nil }
      let id = state.nextId
      state.nextId += 1
      state.waiters[id] = waiter
      return id
    }
    guard let id else { return true }
    let requested = await waiter.value(
      until: deadline, on: clock, onDeadline: false, onCancel: false)
    if !requested {
      state.withLock { state in _ = state.waiters.removeValue(forKey: id) }
    }
    return requested
  }
}
