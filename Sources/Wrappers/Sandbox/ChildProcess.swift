internal import CSandbox
import Glibc
import Synchronization

/// A child process at the other end of a socket, reaped by whoever calls `wait` first.
///
/// It starts with an empty environment, in a process group of its own, with /dev/null as 0 and 1,
/// the given log as 2, the socket as 3 and nothing else open. The socket's own end is closed when
/// the last reference goes, which a child takes as the order to end.
package final class ChildProcess: Sendable {
  package let processID: Int32
  /// The server's end of the socket.
  package let socket: Int32
  /// The wait status once the child is reaped: its process id may be anybody's then.
  private let status = Mutex<Int32?>(nil)

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
    status.withLock { status in
      guard status == nil else { return }
      _ = Glibc.kill(processID, SIGKILL)
    }
  }

  /// Ends all talk in both directions without giving the descriptor back: a blocked receive or
  /// send on either side returns.
  package func shutDownSocket() {
    _ = shutdown(socket, Int32(SHUT_RDWR))
  }

  /// Waits for the child to end, however long that takes, and reaps it. Blocks.
  ///
  /// - Returns: the wait status, to a later caller again.
  @discardableResult
  package func wait() -> Int32 {
    if let status = status.withLock({ $0 }) { return status }
    var info = siginfo_t()
    // Waits without reaping first, so that `kill` never meets a number that has been given away.
    while waitid(P_PID, id_t(processID), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR {}
    return reap()
  }

  /// As `wait`, for a child that should be ending, and at most for so long. Blocks.
  ///
  /// - Returns: nil when the child has not ended; it is to be killed then.
  package func wait(atMostMs: Int) -> Int32? {
    if let status = status.withLock({ $0 }) { return status }
    var waitedMs = 0
    while true {
      var info = siginfo_t()
      if waitid(P_PID, id_t(processID), &info, WEXITED | WNOWAIT | WNOHANG) == 0,
        info.si_signo == SIGCHLD
      {
        return reap()
      }
      guard waitedMs < atMostMs else { return nil }
      usleep(UInt32(Self.pollIntervalMs) * 1_000)
      waitedMs += Self.pollIntervalMs
    }
  }

  private static let pollIntervalMs = 2

  private func reap() -> Int32 {
    status.withLock { status in
      if let status { return status }
      let ended = sandbox_wait(processID)
      status = ended
      return ended
    }
  }
}
