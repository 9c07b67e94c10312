import Runtime
import WorkerPool
import WorkerProtocol

/// Gathers an answer; its size is bounded by the statement's own result limit.
final class BufferedAnswer: AnswerSink {
  struct Content: Sendable {
    var head: AnswerHead?
    /// A JSON array, once closed by `take`.
    var rows: [UInt8] = [UInt8(ascii: "[")]
    var end: AnswerEnd?
  }

  private let content = Lock(Content())

  func head(_ head: AnswerHead) async throws { content.withLock { $0.head = head } }

  func rows(_ bytes: [UInt8]) async throws {
    content.withLock { $0.rows.append(contentsOf: bytes) }
  }

  func end(_ end: AnswerEnd) async throws { content.withLock { $0.end = end } }

  func take() -> Content {
    content.withLock { content in
      defer { content = Content() }
      content.rows.append(UInt8(ascii: "]"))
      return content
    }
  }
}
