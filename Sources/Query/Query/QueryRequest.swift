import Model
import WorkerProtocol

/// Which snapshot a query reads.
package enum SnapshotSelector: Sendable, Equatable {
  case latest
  case snapshot(SnapshotID)
  /// The newest snapshot at or before the instant.
  case time(Timestamp)
  /// A snapshot that holds the event with this token.
  case token(VisibilityToken)
}

/// A tenant's query, checked as far as that needs no engine.
package struct QueryRequest: Sendable {
  package var statement: WorkerQuery
  package var selector: SnapshotSelector
  package var consistencyTimeoutMs: Int
  package var timeoutMs: Int
  /// Answers also when the named token itself was dead-lettered.
  package var allowsDeadLetters: Bool

  package init(
    statement: WorkerQuery, selector: SnapshotSelector, consistencyTimeoutMs: Int,
    timeoutMs: Int, allowsDeadLetters: Bool
  ) {
    self.statement = statement
    self.selector = selector
    self.consistencyTimeoutMs = consistencyTimeoutMs
    self.timeoutMs = timeoutMs
    self.allowsDeadLetters = allowsDeadLetters
  }
}
