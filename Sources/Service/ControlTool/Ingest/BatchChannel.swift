import Dispatch
import Synchronization

/// Hands batches from the reader to the senders; the reader waits while it is full.
final class BatchChannel: Sendable {
  private struct State {
    var batches: [Batch] = []
    var isClosed = false
  }

  private let state = Mutex(State())
  private let room = DispatchSemaphore(value: 0)
  private let available = DispatchSemaphore(value: 0)
  private let consumerCount: Int

  init(capacity: Int, consumerCount: Int) {
    self.consumerCount = consumerCount
    for _ in 0..<capacity { room.signal() }
  }

  /// Waits for room; false when the channel was closed, and the batch is not taken.
  func push(_ batch: Batch) -> Bool {
    room.wait()
    let taken = state.withLock { state in
      guard !state.isClosed else { return false }
      state.batches.append(batch)
      return true
    }
    if taken { available.signal() }
    return taken
  }

  /// Waits for a batch; nil once the channel is closed and empty.
  func pop() -> Batch? {
    available.wait()
    let batch = state.withLock { $0.batches.isEmpty ? nil : $0.batches.removeFirst() }
    if batch != nil { room.signal() }
    return batch
  }

  /// No more batches. Those inside are still given out, unless they are dropped.
  func close(droppingContents: Bool = false) {
    state.withLock { state in
      state.isClosed = true
      if droppingContents { state.batches = [] }
    }
    room.signal()
    for _ in 0..<consumerCount { available.signal() }
  }
}
