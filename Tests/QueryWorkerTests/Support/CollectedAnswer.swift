import Runtime
import WorkerPool
import WorkerProtocol

/// Keeps a whole answer.
final class CollectedAnswer: AnswerSink {
  private struct State {
    var head: AnswerHead?
    var bytes: [UInt8] = []
    var calls = 0
    var end: AnswerEnd?
  }

  private let state = Lock(State())

  func head(_ head: AnswerHead) async throws { state.withLock { $0.head = head } }
  func rows(_ bytes: [UInt8]) async throws {
    state.withLock { state in
      state.bytes += bytes
      state.calls += 1
    }
  }
  func end(_ end: AnswerEnd) async throws { state.withLock { $0.end = end } }

  var columns: [String] { state.withLock { $0.head?.columns ?? [] } }
  var types: [String] { state.withLock { $0.head?.types ?? [] } }
  var text: String { String(decoding: state.withLock { $0.bytes }, as: UTF8.self) }
  var bytes: [UInt8] { state.withLock { $0.bytes } }
  var byteCount: Int { state.withLock { $0.bytes.count } }
  var calls: Int { state.withLock { $0.calls } }
  var ending: AnswerEnd? { state.withLock { $0.end } }
}
