import Dispatch
import Runtime

/// Writes slices one after the other on a thread of its own, while the next one is gathered.
///
/// A slice is taken when the one before it is written. So there are two at most: the one that is
/// written, and the one that its giver gathers or waits with. A write that fails is the last one;
/// its error meets every later call.
///
/// Used by one thread, which its calls block; `finish` is the last of them. Dropped without it, the
/// thread ends after the slice that it writes.
package final class SliceWriter<Slice: Sendable, Output: Sendable>: Sendable {
  /// Adds to the output what comes of a slice.
  package typealias Write = @Sendable (Slice, inout Output) throws -> Void

  private struct State {
    var slice: Slice?
    var output: Output
    var failure: (any Error)?
  }

  /// What the threads share; the writing one does not hold the writer, so that dropping it ends it.
  private final class Core: Sendable {
    let state: Lock<State>
    /// Given when there is a slice, or none will come any more.
    let wakeUp = DispatchSemaphore(value: 0)
    /// Given while nothing is being written.
    let idle = DispatchSemaphore(value: 0)

    init(_ output: Output) {
      state = Lock(State(output: output))
      idle.signal()
    }

    func work(_ write: Write) {
      var output = state.withLock { $0.output }
      var hasEnded = false
      while !hasEnded {
        wakeUp.wait()
        do {
          hasEnded = try !writeNext(write, &output)
        } catch {
          state.withLock { $0.failure = error }
          hasEnded = true
        }
        if hasEnded { state.withLock { $0.output = output } }
        idle.signal()
      }
    }

    /// - Returns: false when there is none. The slice is freed then, before another can be taken.
    private func writeNext(_ write: Write, _ output: inout Output) throws -> Bool {
      guard let slice = state.withLock({ $0.slice.take() }) else { return false }
      try write(slice, &output)
      return true
    }

    /// - Throws: what a write has thrown.
    func check() throws {
      if let failure = state.withLock({ $0.failure }) { throw failure }
    }
  }

  private let core: Core

  /// Starts the thread.
  ///
  /// - Throws: `ThreadStartError`.
  package init(into output: Output, write: @escaping Write) throws {
    let core = Core(output)
    self.core = core
    _ = try DedicatedThread(name: "slice-writer") { core.work(write) }
  }

  deinit { core.wakeUp.signal() }

  /// Hands a slice over as soon as the one before it is written.
  ///
  /// - Throws: what an earlier write has thrown; the slice is not written then.
  package func hand(_ slice: Slice) throws {
    core.idle.wait()
    do {
      try core.check()
    } catch {
      core.idle.signal()
      throw error
    }
    core.state.withLock { $0.slice = slice }
    core.wakeUp.signal()
  }

  /// Does not wait.
  ///
  /// - Throws: what an earlier write has thrown.
  package func check() throws { try core.check() }

  /// Waits until all is written.
  ///
  /// - Returns: what came of all slices.
  /// - Throws: what a write has thrown.
  package func finish() throws -> Output {
    core.idle.wait()
    defer { core.idle.signal() }
    try core.check()
    core.wakeUp.signal()
    core.idle.wait()
    return core.state.withLock { $0.output }
  }
}
