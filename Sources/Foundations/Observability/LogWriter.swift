import Dispatch
import Glibc
import Runtime

/// Takes log lines from any thread and writes them to a file descriptor from a thread of its own.
///
/// A caller never waits for the descriptor: when more than the limits are queued (the reader of a
/// pipe stopped reading), lines are dropped and counted, and the count is written as a line as soon
/// as there is room again.
package final class LogWriter: Sendable {
  package static let queueLimitLines = 8_192
  package static let queueLimitBytes = 4 << 20
  /// A single text of a line is cut at this length.
  package static let maximumTextBytes = 4_096

  private struct State {
    var queued: [UInt8] = []
    var queuedLines = 0
    /// Lines that are in the descriptor's hands at the moment.
    var isWriting = false
    var droppedLines = 0
    var totalDroppedLines = 0
    var isClosed = false
    var flushes: [DispatchSemaphore] = []
  }

  /// What the thread shares with the writer.
  private final class Core: Sendable {
    let descriptor: Int32
    let dropNotice: @Sendable (Int) -> [UInt8]
    let state = Lock(State())
    let wakeUp = DispatchSemaphore(value: 0)

    init(descriptor: Int32, dropNotice: @escaping @Sendable (Int) -> [UInt8]) {
      self.descriptor = descriptor
      self.dropNotice = dropNotice
    }

    func work() {
      while true {
        wakeUp.wait()
        let (bytes, isClosed): ([UInt8], Bool) = state.withLock { state in
          var bytes: [UInt8] = []
          swap(&bytes, &state.queued)
          state.queuedLines = 0
          if state.droppedLines > 0 {
            bytes.append(contentsOf: dropNotice(state.droppedLines))
            state.droppedLines = 0
          }
          state.isWriting = true
          return (bytes, state.isClosed)
        }
        writeAll(bytes)
        let flushes: [DispatchSemaphore] = state.withLock { state in
          state.isWriting = false
          guard state.queued.isEmpty else { return [] }
          defer { state.flushes = [] }
          return state.flushes
        }
        for flush in flushes {
          flush.signal()
        }
        if isClosed { return }
      }
    }

    private func writeAll(_ bytes: [UInt8]) {
      bytes.withUnsafeBytes { buffer in
        var offset = 0
        while offset < buffer.count {
          let count = Glibc.write(descriptor, buffer.baseAddress! + offset, buffer.count - offset)
          if count > 0 {
            offset += count
          } else if errno == EAGAIN {
            // Somebody else made the descriptor non-blocking: wait for room.
            var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = Glibc.poll(&poll, 1, 1_000)
          } else if errno != EINTR {
            // Nobody is left to tell: the lines are lost, the service goes on.
            return
          }
        }
      }
    }
  }

  private let core: Core

  /// - Parameters:
  ///   - descriptor: stays open and is the caller's; 2 is the standard error.
  ///   - dropNotice: makes the line that says how many lines were dropped.
  /// - Throws: `ThreadStartError` when the system has no thread to give.
  package init(
    descriptor: Int32, dropNotice: @escaping @Sendable (Int) -> [UInt8]
  ) throws(ThreadStartError) {
    let core = Core(descriptor: descriptor, dropNotice: dropNotice)
    _ = try DedicatedThread(name: "log", stackSizeBytes: 1 << 18) { core.work() }
    self.core = core
  }

  deinit {
    core.state.withLock { $0.isClosed = true }
    core.wakeUp.signal()
  }

  /// How many lines were dropped since the start.
  package var droppedLines: Int {
    core.state.withLock { $0.totalDroppedLines }
  }

  /// Queues a line, or drops and counts it when the queue is full.
  package func write(_ line: [UInt8]) {
    let isFirst = core.state.withLock { state in
      guard
        state.queuedLines < LogWriter.queueLimitLines,
        state.queued.count + line.count <= LogWriter.queueLimitBytes
      else {
        state.droppedLines += 1
        state.totalDroppedLines += 1
        return false
      }
      state.queued.append(contentsOf: line)
      state.queuedLines += 1
      // The thread takes all there is, so one signal is enough for what gathers meanwhile.
      return state.queuedLines == 1
    }
    if isFirst {
      core.wakeUp.signal()
    }
  }

  /// Blocks until all lines queued so far are written, at most for the time given: for the end of
  /// the program, so that its last words are not lost. Returns whether all were written.
  package func flush(timeoutMs: Int) -> Bool {
    let done = DispatchSemaphore(value: 0)
    let isIdle = core.state.withLock { state in
      if state.queued.isEmpty && !state.isWriting { return true }
      state.flushes.append(done)
      return false
    }
    return isIdle || done.wait(timeout: .now() + .milliseconds(timeoutMs)) == .success
  }
}
