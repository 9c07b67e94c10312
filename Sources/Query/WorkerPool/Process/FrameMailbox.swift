import Dispatch
import Runtime
import WorkerProtocol

/// Hands frames from a worker's reading thread to the one task that waits for them.
///
/// The thread waits while `capacity` frames are not taken: so a slow client holds the thread, the
/// thread the socket, and the socket the worker.
final class FrameMailbox: Sendable {
  private static let capacity = 2

  private struct State {
    var frames: [Frame] = []
    var isClosed = false
    var waiter: OneShot<Void>?
  }

  private let state = Lock(State())
  private let space = DispatchSemaphore(value: FrameMailbox.capacity)

  /// Blocks while the mailbox is full. A frame that comes after the end is dropped.
  func put(_ frame: Frame) {
    space.wait()
    let (waiter, isClosed) = state.withLock { state -> (OneShot<Void>?, Bool) in
      guard !state.isClosed else { return (nil, true) }
      state.frames.append(frame)
      return (state.waiter.take(), false)
    }
    // A dropped frame takes no space: the next one must not wait for it to be taken.
    if isClosed { space.signal() }
    waiter?.decide(())
  }

  /// The next frame, or nil when there will be none.
  func next() async -> Frame? {
    while true {
      let waiter = OneShot<Void>()
      let (frame, isClosed) = state.withLock { state -> (Frame?, Bool) in
        if !state.frames.isEmpty { return (state.frames.removeFirst(), false) }
        state.waiter = waiter
        return (nil, state.isClosed)
      }
      if let frame {
        space.signal()
        return frame
      }
      if isClosed { return nil }
      await waiter.value()
    }
  }

  var isEmpty: Bool {
    state.withLock { $0.frames.isEmpty }
  }

  /// No more frames come; what was put can still be taken. A blocked `put` returns.
  func close() {
    let (waiter, wasOpen) = state.withLock { state -> (OneShot<Void>?, Bool) in
      defer { state.isClosed = true }
      return (state.waiter.take(), !state.isClosed)
    }
    waiter?.decide(())
    guard wasOpen else { return }
    // As much as can ever be missing: frames that nobody takes any more must not hold a `put`, and
    // a semaphore that ends below its first value ends the process.
    for _ in 0..<Self.capacity { space.signal() }
  }
}
