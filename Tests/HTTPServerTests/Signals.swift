import Synchronization

/// Opens once; whoever waits, before or after, goes on then.
final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  func open() {
    let waiting = state.withLock { state in
      state.isOpen = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  var isOpen: Bool { state.withLock { $0.isOpen } }

  func wait() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if !state.isOpen { state.waiting.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }

  /// Waits until the gate opens or the task is cancelled; true when it was cancelled first.
  func waitUnlessCancelled() async -> Bool {
    await withTaskCancellationHandler {
      await wait()
      return Task.isCancelled
    } onCancel: {
      open()
    }
  }
}

/// Collects values from any thread; a test waits for a number of them.
final class Collector<Value: Sendable>: Sendable {
  private struct State {
    var values: [Value] = []
    var waiting: [(count: Int, continuation: CheckedContinuation<[Value], Never>)] = []
  }

  private let state = Mutex(State())

  var values: [Value] { state.withLock { $0.values } }

  func add(_ value: Value) {
    let ready = state.withLock { state in
      state.values.append(value)
      let values = state.values
      let ready = state.waiting.filter { values.count >= $0.count }
      state.waiting.removeAll { values.count >= $0.count }
      return ready.map { ($0.continuation, values) }
    }
    for (continuation, values) in ready { continuation.resume(returning: values) }
  }

  func first(_ count: Int) async -> [Value] {
    await withCheckedContinuation { continuation in
      let values = state.withLock { state -> [Value]? in
        if state.values.count >= count { return state.values }
        state.waiting.append((count, continuation))
        return nil
      }
      if let values { continuation.resume(returning: values) }
    }
  }
}
