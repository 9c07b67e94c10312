/// One connection inside one transaction or snapshot; it belongs to the thread that runs the body.
package final class PostgreSQLSession {
  init() {}

  /// Runs one statement, prepared once for each connection and kept by its text.
  ///
  /// - Throws: `refused` (the transaction can only be rolled back then) and `unavailable`.
  package func query(
    _ sql: String, _ values: [PostgreSQLValue] = []
  ) throws(PostgreSQLError) -> PostgreSQLRows {
    try pipeline([(sql, values)])[0]
  }

  /// Runs statements in order in one round trip; the first refusal skips those after it.
  package func pipeline(
    _ statements: [(sql: String, values: [PostgreSQLValue])]
  ) throws(PostgreSQLError) -> [PostgreSQLRows] {
    throw .closed
  }

  /// Runs a text of several statements without values, as migrations are; their rows are dropped.
  package func script(_ sql: String) throws(PostgreSQLError) {
    throw .closed
  }
}
