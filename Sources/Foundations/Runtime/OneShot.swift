/// A value that is decided once, by whoever comes first, and awaited by one task.
///
/// Timers, cancellation and the event itself may all try to decide it; the first wins and the
/// others learn that they came late. This is what makes deadline-aware waiting free of races.
package final class OneShot<Value: Sendable>: Sendable {
  @usableFromInline
  enum State {
    case undecided
    case awaited(CheckedContinuation<Value, Never>)
    case decided(Value)
  }

  @usableFromInline let state = Lock<State>(.undecided)

  @inlinable
  package init() {}

  /// Decides the value unless it is decided already; returns whether this call decided it.
  @inlinable
  @discardableResult
  package func decide(_ value: Value) -> Bool {
    let (isFirst, awaiting): (Bool, CheckedContinuation<Value, Never>?) = state.withLock { state in
      switch state {
      case .decided:
        return (false, nil)
      case .undecided:
        state = .decided(value)
        return (true, nil)
      case .awaited(let continuation):
        state = .decided(value)
        return (true, continuation)
      }
    }
    awaiting?.resume(returning: value)
    return isFirst
  }

  /// Waits for the decision. At most one task may wait at a time.
  @inlinable
  package func value() async -> Value {
    await withCheckedContinuation { continuation in
      let decided: Value? = state.withLock { state in
        switch state {
        case .decided(let value):
          return value
        case .undecided:
          state = .awaited(continuation)
          return nil
        case .awaited:
          preconditionFailure("two tasks await one OneShot")
        }
      }
      if let decided {
        continuation.resume(returning: decided)
      }
    }
  }

  /// Waits for the decision, and decides `onCancel` if the task is cancelled first.
  @inlinable
  package func value(onCancel: Value) async -> Value {
    await withTaskCancellationHandler {
      await value()
    } onCancel: {
      decide(onCancel)
    }
  }

  /// Waits for the decision until the deadline, at which `onDeadline` is decided; a cancelled
  /// task decides `onCancel`.
  @inlinable
  package func value(
    until deadline: MonotonicInstant, on clock: any MonotonicClock, onDeadline: Value,
    onCancel: Value
  ) async -> Value {
    if deadline == .distantFuture {
      return await value(onCancel: onCancel)
    }
    return await withTaskGroup(of: Void.self) { group in
      group.addTask {
        do {
          try await clock.sleep(until: deadline)
        } catch {
          // Cancelled: the decision was made, or the waiting task decides by its own handler.
          return
        }
        self.decide(onDeadline)
      }
      let decided = await value(onCancel: onCancel)
      group.cancelAll()
      return decided
    }
  }
}
