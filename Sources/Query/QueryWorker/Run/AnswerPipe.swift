import Glibc
import Rendering
import Runtime
import WorkerProtocol

/// Lets the engine write a file that is never one: a pipe under a name that stays the same.
///
/// The name is the only one that the engine may write to, and it means something only while an
/// answer is written: so there is nothing that a statement could reach by it, no space that an
/// answer takes, and a client that does not read holds the engine.
struct AnswerPipe {
  /// What the kernel gives to anybody; less would wake the threads more often.
  private static let capacityBytes: Int32 = 1 << 20
  private static let readBytes = 256 << 10
  private static let threadStackBytes = 512 << 10
  /// Of fcntl, which Glibc's module does not show.
  private static let setPipeSize: Int32 = 1031

  /// The last number that the process may have: whatever else is opened takes the first free one.
  private let descriptor: Int32

  init(openFileLimit: UInt32) {
    descriptor = Int32(clamping: openFileLimit) - 1
  }

  var path: String { "/proc/self/fd/\(descriptor)" }

  /// Runs `write`, which writes to `path`, and sends what it writes.
  ///
  /// - Throws: what `write` throws; else what sending threw.
  func draining<Value>(
    into frames: AnswerFrames, _ write: () throws -> Value
  ) throws -> Value {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Self.unavailable }
    _ = fcntl(ends[1], Self.setPipeSize, Self.capacityBytes)
    let moved = fcntl(ends[1], F_DUPFD, descriptor)
    close(ends[1])
    guard moved == descriptor else {
      if moved >= 0 { close(moved) }
      close(ends[0])
      throw Self.unavailable
    }
    let drain = Drain(reading: ends[0], into: frames)
    do {
      _ = try DedicatedThread(name: "answer-pipe", stackSizeBytes: Self.threadStackBytes) {
        drain.run()
      }
    } catch {
      close(descriptor)
      close(ends[0])
      throw Self.unavailable
    }
    let outcome = Result { try write() }
    // The engine has closed its own: this is the last writer.
    close(descriptor)
    let failure = drain.end()
    let value = try outcome.get()
    if let failure { throw failure }
    return value
  }

  private static var unavailable: QueryFailure {
    QueryFailure(.workerBroken, "the answer's pipe cannot be made")
  }

  /// Reads to the end, also when nobody takes the bytes any more: the engine must not be held.
  private final class Drain: Sendable {
    private let source: Int32
    private let frames: AnswerFrames
    private let failure = Lock<(any Error)?>(nil)
    private let finished = Semaphore()

    init(reading source: Int32, into frames: AnswerFrames) {
      self.source = source
      self.frames = frames
    }

    func run() {
      let buffer = UnsafeMutableRawBufferPointer.allocate(
        byteCount: AnswerPipe.readBytes, alignment: 16)
      defer {
        buffer.deallocate()
        close(source)
        finished.signal()
      }
      while true {
        let count = read(source, buffer.baseAddress, buffer.count)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return }
        guard failure.withLock({ $0 == nil }) else { continue }
        do {
          try frames.send(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        } catch {
          failure.withLock { $0 = error }
        }
      }
    }

    /// Waits for the end of the pipe.
    func end() -> (any Error)? {
      finished.wait()
      return failure.withLock { $0 }
    }
  }
}
