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

/// Between which snapshots a table's changes are asked for, both ends among them.
package struct ChangeRange: Sendable, Equatable {
  package let table: String
  package let from: SnapshotID
  package let to: SnapshotID

  package init(table: String, from: SnapshotID, to: SnapshotID) {
    self.table = table
    self.from = from
    self.to = to
  }
}

/// A tenant's query, checked as far as that needs no engine.
package struct QueryRequest: Sendable {
  package var statement: WorkerQuery
  package var selector: SnapshotSelector
  package var consistencyTimeoutMs: Int
  package var timeoutMs: Int
  /// Answers also when the named token itself was dead-lettered.
  package var allowsDeadLetters: Bool
  /// Set when not the statement is asked for but these changes, in its form and within its limits.
  package var changes: ChangeRange?

  package init(
    statement: WorkerQuery, selector: SnapshotSelector, consistencyTimeoutMs: Int,
    timeoutMs: Int, allowsDeadLetters: Bool, changes: ChangeRange? = nil
  ) {
    self.statement = statement
    self.selector = selector
    self.consistencyTimeoutMs = consistencyTimeoutMs
    self.timeoutMs = timeoutMs
    self.allowsDeadLetters = allowsDeadLetters
    self.changes = changes
  }
}
