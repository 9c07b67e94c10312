import Foundation
import Glibc
import Runtime
import Sandbox

/// Finds out whether events crash the engine by letting a child process materialise them first.
///
/// The child is this program's hidden subcommand `materialize-probe`. It does with the events what
/// `Materializer` does, into a folder that is removed afterwards, and its end is the answer.
package struct CrashProbe: Sendable {
  /// How a child that was not crashed by the engine ends.
  enum Exit {
    static let survived: Int32 = 0
    /// Something is wrong, and it is not the data.
    static let failed: Int32 = 10
  }

  package static let subcommand = "materialize-probe"

  /// What an engine that gives up on its own state ends by. Any other signal came from outside: the
  /// kernel's, for want of memory, or an operator's.
  private static let crashSignals: Set<Int32> = [
    SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS,
  ]

  /// How long a child may take to end once its socket is closed.
  private static let endingMs = 30_000

  private let executable: String
  private let folder: String
  private let timeLimitMs: Int32
  private let engine: MaterializerPool.Options

  /// - Parameters:
  ///   - executable: the absolute path of `duckmesh`.
  ///   - folder: for the children's files; what an earlier process left there is removed.
  ///   - engine: the options of the engine that the events would go to.
  package init(
    executable: String, folder: String, engine: MaterializerPool.Options,
    timeLimitMs: Int32 = 120_000
  ) {
    self.executable = executable
    self.folder = folder
    self.engine = engine
    self.timeLimitMs = timeLimitMs
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Whether a child process crashes on these events, which may be none. Blocks.
  ///
  /// - Throws: when the child gave no answer: it could not be started, took too long, was killed
  ///   from outside or met a failure that is not in the data.
  func crashes(
    on events: ArraySlice<PlannedEvent>, shape: RowShape
  ) throws(EnvironmentFailure) -> Bool {
    let scratch = "\(folder)/\(UUID().uuidString)"
    do {
      try FileManager.default.createDirectory(
        atPath: scratch, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
    } catch {
      throw .engine("a probe's folder could not be made")
    }
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    let child = try start()
    let hasHungUp = ask(child, request(events, shape, scratch: scratch)) && hasEnded(child)
    guard hasHungUp, let status = child.wait(atMostMs: Self.endingMs) else {
      child.kill()
      return try Self.verdict(child.wait(), isInTime: false)
    }
    return try Self.verdict(status)
  }

  private func start() throws(EnvironmentFailure) -> ChildProcess {
    // What the engine says as it crashes may quote the data, and is no line of our log.
    let nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC)
    guard nowhere >= 0 else { throw .engine("a probe could not be started") }
    defer { close(nowhere) }
    do {
      return try ChildProcess(
        executable: executable, arguments: [executable, Self.subcommand], log: nowhere)
    } catch {
      throw .engine("a probe could not be started: \(error)")
    }
  }

  private func request(
    _ events: ArraySlice<PlannedEvent>, _ shape: RowShape, scratch: String
  ) -> ProbeRequest {
    var payloads = Data()
    for event in events { payloads.append(contentsOf: event.record.payload) }
    return ProbeRequest(
      shape: shape, engineThreads: engine.threads, engineMemoryBytes: engine.memoryLimitBytes,
      folder: scratch, tokens: events.map(\.token.rawValue),
      operations: events.map(\.record.operation.rawValue),
      payloadByteCounts: events.map(\.record.payload.count), payloads: payloads,
      poison: PoisonText.armed?.text)
  }

  /// - Returns: false when the child has not taken the request in time.
  private func ask(_ child: ChildProcess, _ request: ProbeRequest) -> Bool {
    guard let bytes = try? JSONEncoder().encode(request) else { return false }
    var limit = timeval(tv_sec: Int(timeLimitMs) / 1_000, tv_usec: 0)
    setsockopt(
      child.socket, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let isSent = bytes.withUnsafeBytes { (whole: UnsafeRawBufferPointer) -> Bool in
      var rest = whole[...]
      while !rest.isEmpty {
        let part = UnsafeRawBufferPointer(rebasing: rest)
        let count = send(child.socket, part.baseAddress, part.count, Int32(MSG_NOSIGNAL))
        if count > 0 {
          rest = rest.dropFirst(count)
        } else if errno != EINTR {
          // A child that has ended already is told by its status.
          return errno == EPIPE || errno == ECONNRESET
        }
      }
      return true
    }
    shutdown(child.socket, Int32(SHUT_WR))
    return isSent
  }

  /// Waits until the child's end of the socket is closed.
  private func hasEnded(_ child: ChildProcess) -> Bool {
    let deadline = SystemMonotonicClock().now.advanced(byMs: Int(timeLimitMs))
    while true {
      let left = (deadline - SystemMonotonicClock().now).milliseconds
      guard left > 0 else { return false }
      // Nothing but a hang-up, which is always told.
      var interest = pollfd(fd: child.socket, events: 0, revents: 0)
      let count = poll(&interest, 1, Int32(left.rounded(.up)))
      if count > 0 { return true }
      if count < 0 && errno != EINTR { return false }
    }
  }

  /// What a wait status says.
  package static func verdict(
    _ status: Int32, isInTime: Bool = true
  ) throws(EnvironmentFailure) -> Bool {
    guard isInTime else { throw .engine("a probe took too long") }
    let signal = status & 0x7f
    if signal != 0 {
      guard crashSignals.contains(signal) else {
        throw .engine("a probe was ended by signal \(signal)")
      }
      return true
    }
    switch (status >> 8) & 0xff {
    case Exit.survived: return false
    case Exit.failed: throw .engine("a probe failed for a reason that is not in the data")
    default: return true
    }
  }
}
