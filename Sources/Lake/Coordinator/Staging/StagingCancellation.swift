import Runtime
import Sandbox

/// Ends a staging child whatever it does, also one that is not started yet; from any thread.
package final class StagingCancellation: Sendable {
  private struct State {
    var isCancelled = false
    var child: ChildProcess?
  }

  private let state = Lock(State())

  package init() {}

  package var isCancelled: Bool { state.withLock { $0.isCancelled } }

  /// A call that waits for the child fails, and none is started any more.
  package func cancel() {
    let child = state.withLock { state in
      state.isCancelled = true
      return state.child
    }
    child.map(Self.end)
  }

  /// Takes the child that is to be ended; at once where it was cancelled before.
  func take(_ child: ChildProcess) {
    let isCancelled = state.withLock { state in
      state.child = child
      return state.isCancelled
    }
    if isCancelled { Self.end(child) }
  }

  private static func end(_ child: ChildProcess) {
    child.kill()
    child.shutDownSocket()
  }
}
