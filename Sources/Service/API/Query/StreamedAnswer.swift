import HTTPServer
import Query
import Runtime
import WorkerPool
import WorkerProtocol

/// Hands an answer from the query to the response, one piece at a time.
///
/// The query runs ahead of the response by one piece: it starts before there is a status to send,
/// so that its errors still have theirs, and it waits while the client does not take what it made.
final class StreamedAnswer: AnswerSink {
  enum Event: Sendable {
    case head(AnswerHead)
    case rows([UInt8])
    case end(AnswerEnd)
    case failed(QueryError)
  }

  /// The consumer has gone away; the query is given up.
  struct Abandoned: Error {}

  private struct State {
    var slot: Event?
    var isAbandoned = false
    var isClosed = false
  }

  private let state = Lock(State())
  private let filled = Notifier()
  private let emptied = Notifier()

  func head(_ head: AnswerHead) async throws { try await put(.head(head)) }
  func rows(_ bytes: [UInt8]) async throws { try await put(.rows(bytes)) }
  func end(_ end: AnswerEnd) async throws { try await put(.end(end)) }

  /// Tells the consumer why there is no more; never waits.
  func fail(_ error: QueryError) {
    state.withLock { state in
      guard !state.isClosed else { return }
      state.slot = .failed(error)
      state.isClosed = true
    }
    filled.notify()
  }

  private func put(_ event: Event) async throws {
    while true {
      let isPlaced: Bool = try state.withLock { state in
        guard !state.isAbandoned else { throw Abandoned() }
        guard state.slot == nil else { return false }
        state.slot = event
        if case .end = event { state.isClosed = true }
        return true
      }
      if isPlaced {
        filled.notify()
        return
      }
      guard await emptied.wait() else { throw Abandoned() }
    }
  }

  /// The next event, or nil when the task was cancelled.
  func next() async -> Event? {
    while true {
      let event = state.withLock { state in
        defer { state.slot = nil }
        return state.slot
      }
      if let event {
        emptied.notify()
        return event
      }
      guard await filled.wait() else { return nil }
    }
  }

  func abandon() {
    state.withLock { $0.isAbandoned = true }
    emptied.notify()
  }
}
