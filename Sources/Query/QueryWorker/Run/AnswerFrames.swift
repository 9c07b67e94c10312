import Rendering
import Runtime
import WorkerProtocol

/// Sends an answer's bytes in frames, up to the limit of its query; any thread, one at a time.
final class AnswerFrames: Sendable {
  private let socket: FrameSocket
  private let byteLimit: UInt64
  private let sentBytes = Lock<UInt64>(0)

  init(_ socket: FrameSocket, for query: WorkerQuery) {
    self.socket = socket
    byteLimit = query.resultByteLimit
  }

  /// - Throws: `resultTooLarge` when the limit is passed, `FrameError`.
  func send(_ bytes: UnsafeRawBufferPointer) throws {
    let total = sentBytes.withLock { sent in
      sent += UInt64(bytes.count)
      return sent
    }
    guard total <= byteLimit else {
      throw QueryFailure(.resultTooLarge, "the answer has more than \(byteLimit) bytes")
    }
    // One row can be larger than a frame.
    for start in stride(from: 0, to: bytes.count, by: FrameSocket.maximumBodyBytes) {
      let end = min(bytes.count, start + FrameSocket.maximumBodyBytes)
      try socket.send(.rows, UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
    }
  }

  /// Sends what has gathered, and empties the buffer.
  func flush(_ buffer: inout OutputBuffer) throws {
    guard !buffer.isEmpty else { return }
    try buffer.withBytes { try send($0) }
    buffer.removeAll()
  }
}
