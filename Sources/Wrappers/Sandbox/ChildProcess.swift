internal import CSandbox
import Glibc
import Synchronization

/// A child process at the other end of a socket, reaped by whoever calls `wait`.
///
/// It starts with an empty environment, in a process group of its own, with /dev/null as 0 and 1,
/// the given log as 2, the socket as 3 and nothing else open. The socket's own end is closed when
/// the last reference goes, which a child takes as the order to end.
package final class ChildProcess: Sendable {
  package let processID: Int32
  /// The server's end of the socket.
  package let socket: Int32
  /// Whether the process id still belongs to the child: once reaped it may be anybody's.
  private let isReaped = Mutex(false)

  /// - Parameters:
  ///   - executable: an absolute path.
  ///   - arguments: including the program's own name.
  ///   - log: the descriptor that becomes the child's standard error.
  package init(executable: String, arguments: [String], log: Int32) throws(SandboxError) {
    var pair: [Int32] = [-1, -1]
    try SandboxError.check(sandbox_socket_pair(&pair))
    let copies = arguments.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    let result = sandbox_spawn(executable, copies + [nil], pair[1], log)
    close(pair[1])
    guard result >= 0 else {
      close(pair[0])
      throw SandboxError(code: -result)
    }
    processID = result
    socket = pair[0]
  }

  deinit {
    close(socket)
  }

  /// Ends the child at once, unless it has been reaped.
  package func kill() {
    isReaped.withLock { isReaped in
      guard !isReaped else { return }
      _ = Glibc.kill(processID, SIGKILL)
    }
  }

  /// Ends all talk in both directions without giving the descriptor back: a blocked receive or
  /// send on either side returns.
  package func shutDownSocket() {
    _ = shutdown(socket, Int32(SHUT_RDWR))
  }

  /// Waits for the child to end and reaps it; call it exactly once. Blocks.
  ///
  /// - Returns: the wait status.
  @discardableResult
  package func wait() -> Int32 {
    var info = siginfo_t()
    // Waits without reaping first, so that `kill` never meets a number that has been given away.
    while waitid(P_PID, id_t(processID), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR {}
    return isReaped.withLock { isReaped in
      isReaped = true
      return sandbox_wait(processID)
    }
  }
}
