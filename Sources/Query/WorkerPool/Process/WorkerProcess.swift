import Dispatch
import Foundation
import Glibc
import Runtime
import Sandbox
import WorkerProtocol

/// The server's side of one worker: a child process and two threads, one that reads its frames and
/// reaps it, one that sends.
///
/// The threads end with the process, whatever way it ends.
final class WorkerProcess: Sendable {
  /// QUERY, RELATIONS, CANCEL and one to spare.
  private static let maximumUnsent = 4
  private static let threadStackBytes = 512 << 10

  private struct Outbox {
    var frames: [Frame] = []
    var isClosed = false
  }

  let mailbox = FrameMailbox()
  let temporaryFolder: String
  private let child: ChildProcess
  private let socket: FrameSocket
  private let outbox = Lock(Outbox())
  private let unsent = DispatchSemaphore(value: 0)
  private let events: WorkerEvents

  var processID: Int32 { child.processID }

  /// Starts the process; `ready` follows when it is warm.
  ///
  /// - Parameter temporaryFolder: made here for the worker, removed when it has ended.
  init(
    options: WorkerPoolOptions, temporaryFolder: String, events: WorkerEvents
  ) throws {
    try Self.makeFolder(temporaryFolder, for: options.unprivilegedUserID)
    self.temporaryFolder = temporaryFolder
    self.events = events
    do {
      var arguments = [options.executable, "query-worker"]
      if options.answersProbes { arguments.append("--probe") }
      child = try ChildProcess(
        executable: options.executable, arguments: arguments, log: STDERR_FILENO)
    } catch {
      rmdir(temporaryFolder)
      throw error
    }
    socket = FrameSocket(descriptor: child.socket)
    do {
      _ = try DedicatedThread(name: "worker-reader", stackSizeBytes: Self.threadStackBytes) {
        [self] in read()
      }
    } catch {
      // Nobody else would reap it.
      child.kill()
      child.wait()
      rmdir(temporaryFolder)
      throw error
    }
    do {
      _ = try DedicatedThread(name: "worker-sender", stackSizeBytes: Self.threadStackBytes) {
        [self] in send()
      }
    } catch {
      // The reader reaps it and reports its end.
      kill()
      throw error
    }
  }

  /// Queues a frame; never blocks. A worker that does not take its frames is killed.
  func send(_ message: some FrameMessage) {
    let isOverfull = outbox.withLock { outbox in
      outbox.frames.append(Frame(kind: type(of: message).kind, body: message.body))
      return outbox.frames.count > Self.maximumUnsent
    }
    if isOverfull { kill() }
    unsent.signal()
  }

  /// Ends the process at once; `exited` follows.
  func kill() {
    child.kill()
    child.shutDownSocket()
    mailbox.close()
  }

  private func send() {
    while true {
      unsent.wait()
      let (frame, isClosed) = outbox.withLock { outbox in
        (outbox.frames.isEmpty ? nil : outbox.frames.removeFirst(), outbox.isClosed)
      }
      guard !isClosed else { return }
      guard let frame else { continue }
      do throws(FrameError) {
        try socket.send(frame.kind, frame.body)
      } catch {
        // Too long a frame is our own fault, a closed socket the worker's: it is over either way.
        kill()
      }
    }
  }

  private func read() {
    do {
      while true {
        try take(try socket.receive())
      }
    } catch {
      // Its end, or nonsense: both end it.
    }
    kill()
    child.wait()
    outbox.withLock { $0.isClosed = true }
    unsent.signal()
    try? FileManager.default.removeItem(atPath: temporaryFolder)
    events.exited()
  }

  private func take(_ frame: Frame) throws(FrameError) {
    switch frame.kind {
    case .ready: events.ready(try ReadyMessage(decoding: frame.body))
    case .bound: events.bound(try BoundMessage(decoding: frame.body))
    case .refused: events.refused(try RefusedMessage(decoding: frame.body))
    case .need, .head, .rows, .end, .failure, .probed: mailbox.put(frame)
    case .bind, .query, .relations, .cancel, .probe: throw .malformed
    }
  }

  private static func makeFolder(_ path: String, for user: UInt32?) throws {
    guard mkdir(path, 0o700) == 0 else { throw SandboxError(code: errno) }
    guard let user, geteuid() == 0, chown(path, user, user) != 0 else { return }
    let code = errno
    // A container without that user: the folder stays ours, and the worker, which cannot enter it
    // as
    // another user, keeps ours too and reports the layer as off.
    if code == EINVAL || code == EPERM { return }
    rmdir(path)
    throw SandboxError(code: code)
  }
}
