internal import CDuckDB

/// A prepared statement.
///
/// Results read from it must be finished before it is executed again.
package final class DuckDBStatement {
  package let connection: DuckDBConnection
  package let kind: DuckDBStatementKind
  /// The parameters' names in the order of their indexes; `?` and `$1` are called "1", "2", ….
  package let parameterNames: [String]
  let handle: duckdb_prepared_statement

  /// Takes over what a prepare call left behind, also after a failure, which frees it.
  init(
    _ connection: DuckDBConnection, adopting statement: duckdb_prepared_statement?,
    state: duckdb_state
  ) throws(DuckDBError) {
    guard state == DuckDBSuccess, let statement else {
      var failed = statement
      defer { duckdb_destroy_prepare(&failed) }
      throw DuckDBError(
        untyped: failed.flatMap { duckdb_prepare_error($0) }, otherwise: "duckdb_prepare failed")
    }
    self.connection = connection
    handle = statement
    kind =
      DuckDBStatementKind(rawValue: UInt32(duckdb_prepared_statement_type(statement).rawValue))
      ?? .invalid
    parameterNames = Self.readParameterNames(statement)
    // An interrupt during a long prepare is forgotten by DuckDB, not by us; deinit frees.
    try connection.interruptHandle.throwIfInterrupted()
  }

  deinit {
    var handle: duckdb_prepared_statement? = handle
    duckdb_destroy_prepare(&handle)
  }

  package var parameterCount: Int { parameterNames.count }

  /// The result's column names as the statement's author wrote them; names may repeat.
  package var columnNames: [String] {
    (0..<duckdb_prepared_statement_column_count(handle)).map { index in
      guard let name = duckdb_prepared_statement_column_name(handle, index) else { return "" }
      defer { duckdb_free(UnsafeMutableRawPointer(mutating: name)) }
      return String(cString: name)
    }
  }

  /// Runs the statement and returns its rows as a stream, or all computed at once.
  ///
  /// A streaming result computes its rows while they are fetched, and buffers little.
  ///
  /// - Throws: whatever the execution meets up to its first rows; `.parameter` when a parameter
  ///   has no value; `.interrupted` also for an interrupt that came before the call.
  package func execute(streaming: Bool = true) throws(DuckDBError) -> DuckDBResult {
    var pending: duckdb_pending_result?
    defer { duckdb_destroy_pending(&pending) }
    let state =
      streaming
      ? duckdb_pending_prepared_streaming(handle, &pending)
      : duckdb_pending_prepared(handle, &pending)
    guard state == DuckDBSuccess, let started = pending else {
      throw DuckDBError(
        untyped: pending.flatMap { duckdb_pending_error($0) },
        otherwise: "duckdb_pending_prepared failed")
    }
    // The pending call has cleared DuckDB's own flag: what came before it is only remembered by
    // the handle, what comes after it reaches the execution.
    try connection.interruptHandle.throwIfInterrupted()
    var result = duckdb_result()
    guard duckdb_execute_pending(started, &result) == DuckDBSuccess else {
      defer { duckdb_destroy_result(&result) }
      throw DuckDBResult.error(of: &result)
    }
    return DuckDBResult(self, adopting: result)
  }

  private static func readParameterNames(_ statement: duckdb_prepared_statement) -> [String] {
    let count = duckdb_nparams(statement)
    guard count > 0 else { return [] }
    return (1...count).map { index in
      guard let name = duckdb_parameter_name(statement, index) else { return String(index) }
      defer { duckdb_free(UnsafeMutableRawPointer(mutating: name)) }
      return String(cString: name)
    }
  }
}
