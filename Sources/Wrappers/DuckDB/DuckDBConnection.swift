internal import CDuckDB

/// A connection: one thread at a time, with its own settings, temporary views and transaction.
///
/// Statements and results keep their connection alive. While a streaming result is neither read
/// to its end nor released, its connection refuses every other statement (`.resourceInUse`).
package final class DuckDBConnection {
  package let instance: DuckDBInstance
  /// For other threads; valid for ever.
  package let interruptHandle: DuckDBInterruptHandle
  let handle: duckdb_connection

  init(to instance: DuckDBInstance) throws(DuckDBError) {
    var connection: duckdb_connection?
    guard duckdb_connect(instance.handle, &connection) == DuckDBSuccess, let connection else {
      throw DuckDBError(kind: .outOfMemory, message: "duckdb_connect failed")
    }
    self.instance = instance
    handle = connection
    interruptHandle = DuckDBInterruptHandle(connection)
  }

  deinit {
    interruptHandle.close()
    var handle: duckdb_connection? = handle
    duckdb_disconnect(&handle)
  }

  /// Runs statements of our own text and discards their rows.
  ///
  /// - Returns: the number of rows changed by the last statement.
  @discardableResult
  package func execute(_ sql: String) throws(DuckDBError) -> Int {
    let text = try checkedForNul(sql)
    try interruptHandle.throwIfInterrupted()
    var result = duckdb_result()
    defer { duckdb_destroy_result(&result) }
    guard duckdb_query(handle, text, &result) == DuckDBSuccess else {
      throw DuckDBResult.error(of: &result)
    }
    return Int(duckdb_rows_changed(&result))
  }

  /// Prepares exactly one statement.
  ///
  /// Preparing folds constants and opens files, so it takes time and memory like running.
  package func prepare(_ sql: String) throws(DuckDBError) -> DuckDBStatement {
    let text = try checkedForNul(sql)
    try interruptHandle.throwIfInterrupted()
    var statement: duckdb_prepared_statement?
    let state = duckdb_prepare(handle, text, &statement)
    return try DuckDBStatement(self, adopting: statement, state: state)
  }

  /// Parses a text into its statements without binding them.
  package func extractStatements(
    _ sql: String
  ) throws(DuckDBError) -> DuckDBExtractedStatements {
    try DuckDBExtractedStatements(self, try checkedForNul(sql))
  }

  /// Runs one statement and reads its whole result: for small answers to our own questions.
  ///
  /// - Throws: `.outOfRange` when there are more than `maximumRows` rows.
  package func query(
    _ sql: String, _ parameters: [DuckDBValue] = [], maximumRows: Int = 100_000
  ) throws(DuckDBError) -> DuckDBTable {
    let statement = try prepare(sql)
    try statement.bind(positional: parameters)
    return try statement.execute().readTable(maximumRows: maximumRows)
  }
}
