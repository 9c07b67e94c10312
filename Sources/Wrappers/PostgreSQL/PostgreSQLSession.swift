import Runtime

/// One connection inside one transaction or snapshot; it belongs to the thread that runs the body
/// and is of no use after it.
///
/// BEGIN travels with the first statement. A statement that is refused leaves a transaction that
/// can only be rolled back, which the end of the body does, whether or not it throws.
package final class PostgreSQLSession {
  private enum State {
    case notBegun
    case open
    case ended
  }

  private let connection: Connection
  private let kind: TransactionKind
  private let answerTimeoutMs: Int
  private var state = State.notBegun
  private var breakage: PostgreSQLError?

  init(connection: Connection, kind: TransactionKind, answerTimeoutMs: Int) {
    self.connection = connection
    self.kind = kind
    self.answerTimeoutMs = answerTimeoutMs
  }

  /// Runs one statement, prepared once for each connection and kept by its text.
  ///
  /// - Throws: `refused` (the transaction can only be rolled back then) and `unavailable`.
  package func query(
    _ sql: String, _ values: [PostgreSQLValue] = []
  ) throws(PostgreSQLError) -> PostgreSQLRows {
    try pipeline([(sql, values)])[0]
  }

  /// Runs statements in order in one round trip; the first refusal skips those after it.
  ///
  /// - Returns: the rows of each statement, in order.
  /// - Throws: as `query`.
  package func pipeline(
    _ statements: [(sql: String, values: [PostgreSQLValue])]
  ) throws(PostgreSQLError) -> [PostgreSQLRows] {
    precondition(state != .ended, "a session was used after its transaction")
    if let breakage { throw breakage }
    let isFirst = state == .notBegun
    do {
      let all = isFirst ? [(kind.beginning, [])] + statements : statements
      let rows = try connection.exchange(all, until: answerDeadline)
      state = .open
      return isFirst ? Array(rows.dropFirst()) : rows
    } catch {
      throw noted(error)
    }
  }

  /// Runs a text of several statements without values, as migrations are; their rows are dropped.
  ///
  /// The text neither begins nor ends a transaction. All of it has the time of one statement.
  ///
  /// - Throws: as `query`.
  package func script(_ sql: String) throws(PostgreSQLError) {
    if state == .notBegun { _ = try pipeline([]) }
    precondition(state == .open, "a session was used after its transaction")
    if let breakage { throw breakage }
    do {
      try connection.script(sql, until: answerDeadline)
    } catch {
      throw noted(error)
    }
    precondition(connection.isInTransaction, "a script ended its transaction")
  }

  // MARK: Ending

  func commit() throws(PostgreSQLError) {
    defer { state = .ended }
    if let breakage { throw breakage }
    guard state == .open else { return }
    switch kind {
    case .snapshot: try endSnapshot()
    case .readWrite: try commitChanges()
    }
  }

  /// Leaves the transaction; a connection on which that fails is broken off, which does the same.
  func rollBack() {
    defer { state = .ended }
    guard state == .open, breakage == nil else { return }
    do {
      _ = try connection.exchange([("ROLLBACK", [])], until: answerDeadline)
    } catch {
      connection.breakOff()
    }
  }

  /// Nothing depends on how reading ends, so nobody waits for it.
  private func endSnapshot() throws(PostgreSQLError) {
    do {
      try connection.sendWithoutWaiting([("COMMIT", [])])
    } catch {
      // What was read was complete before.
      connection.breakOff()
    }
  }

  private func commitChanges() throws(PostgreSQLError) {
    connection.notices.forgetCommit()
    let rows: [PostgreSQLRows]
    do {
      rows = try connection.exchange([("COMMIT", [])], until: answerDeadline)
    } catch {
      throw error.ofCommit
    }
    // A transaction in which a statement failed is answered so, and not with an error.
    if rows[0].hasTag("ROLLBACK") {
      throw .refused(
        sqlState: SQLState.inFailedTransaction,
        message: "a statement of the transaction had been refused")
    }
    try connection.checkReplication()
  }

  private var answerDeadline: MonotonicInstant {
    SystemMonotonicClock().now.advanced(byMs: answerTimeoutMs)
  }

  private func noted(_ error: ExchangeError) -> PostgreSQLError {
    let meaning = error.beforeCommit
    if case .refused = meaning {
      state = .open
    } else {
      breakage = meaning
    }
    return meaning
  }
}
