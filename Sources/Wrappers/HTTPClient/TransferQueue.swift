import Dispatch
import Synchronization

/// The waiting requests and the threads that serve them.
///
/// Threads hold the queue, never the client, so that releasing the client ends them.
final class TransferQueue: Sendable {
  private struct State {
    var waiting: [Transfer] = []
    /// Index of the first waiting transfer; what lies before it was handed out.
    var head = 0
    var running: [ObjectIdentifier: Transfer] = [:]
    var workerCount = 0
    var idleWorkerCount = 0
    var isClosed = false
  }

  let settings: HTTPClient.Settings
  private let state = Mutex(State())
  /// Signalled once for each transfer that was queued, and once for each worker at the close.
  private let available = DispatchSemaphore(value: 0)

  init(settings: HTTPClient.Settings) {
    self.settings = settings
  }

  func submit(_ transfer: Transfer) {
    enum Decision {
      case refuse(HTTPClientError)
      case wait
      case start
    }
    let decision: Decision = state.withLock { state in
      if state.isClosed { return .refuse(.closed) }
      compact(&state)
      let waitingCount = state.waiting.count - state.head
      if waitingCount >= settings.maximumWaitingRequests + state.idleWorkerCount {
        return .refuse(.tooManyWaiting(limit: settings.maximumWaitingRequests))
      }
      state.waiting.append(transfer)
      guard waitingCount >= state.idleWorkerCount,
        state.workerCount < settings.maximumConnections
      else { return .wait }
      state.workerCount += 1
      state.idleWorkerCount += 1
      return .start
    }
    switch decision {
    case .refuse(let error):
      transfer.complete(.failure(error))
    case .wait:
      available.signal()
    case .start:
      available.signal()
      if !TransferWorker.start(for: self) { workerDidNotStart() }
    }
  }

  /// The next transfer, waiting for one; nil when the worker is to end.
  func next() -> Transfer? {
    while true {
      available.wait()
      enum Step {
        case end
        case skip
        case run(Transfer)
      }
      let step: Step = state.withLock { state in
        if state.isClosed { return .end }
        guard state.head < state.waiting.count else { return .skip }
        let transfer = state.waiting[state.head]
        state.head += 1
        guard transfer.isPending else { return .skip }
        state.running[ObjectIdentifier(transfer)] = transfer
        state.idleWorkerCount -= 1
        return .run(transfer)
      }
      switch step {
      case .end: return nil
      case .skip: continue
      case .run(let transfer): return transfer
      }
    }
  }

  /// Called by a worker after the transfer completed.
  func finished(_ transfer: Transfer) {
    state.withLock { state in
      state.running[ObjectIdentifier(transfer)] = nil
      state.idleWorkerCount += 1
    }
  }

  func close() {
    let (open, workerCount): ([Transfer], Int) = state.withLock { state in
      guard !state.isClosed else { return ([], 0) }
      state.isClosed = true
      let open = Array(state.waiting[state.head...]) + state.running.values
      state.waiting = []
      state.head = 0
      return (open, state.workerCount)
    }
    for transfer in open { transfer.stop(.closed) }
    for _ in 0..<workerCount { available.signal() }
  }

  private func workerDidNotStart() {
    let stranded: [Transfer] = state.withLock { state in
      state.workerCount -= 1
      state.idleWorkerCount -= 1
      guard state.workerCount == 0 else { return [] }
      let stranded = Array(state.waiting[state.head...])
      state.waiting = []
      state.head = 0
      return stranded
    }
    for transfer in stranded { transfer.stop(.resourcesExhausted) }
  }

  /// Drops what was handed out once it is the larger part, so that the array stays short and each
  /// transfer moves at most once on average.
  private func compact(_ state: inout State) {
    if state.head > 64, state.head * 2 > state.waiting.count {
      state.waiting.removeFirst(state.head)
      state.head = 0
    }
    if state.waiting.count - state.head >= settings.maximumWaitingRequests {
      // Stopped transfers still stand in line; they must not count against the limit.
      state.waiting = state.waiting[state.head...].filter(\.isPending)
      state.head = 0
    }
  }
}
