internal import CDuckDB

/// The statements of one text, parsed but not bound.
package final class DuckDBExtractedStatements {
  package let count: Int
  private let connection: DuckDBConnection
  private var prepared: Set<Int> = []
  private let handle: duckdb_extracted_statements

  /// - Throws: `.parser`; a text without any statement is one of them.
  init(_ connection: DuckDBConnection, _ sql: String) throws(DuckDBError) {
    var extracted: duckdb_extracted_statements?
    let count = duckdb_extract_statements(connection.handle, sql, &extracted)
    guard let statements = extracted, count > 0 else {
      defer { duckdb_destroy_extracted(&extracted) }
      guard let message = extracted.flatMap({ duckdb_extract_statements_error($0) }) else {
        throw DuckDBError(kind: .parser, message: "Parser Error: no statement")
      }
      throw DuckDBError(untyped: String(cString: message))
    }
    self.count = Int(count)
    self.connection = connection
    handle = statements
  }

  deinit {
    var handle: duckdb_extracted_statements? = handle
    duckdb_destroy_extracted(&handle)
  }

  /// Prepares one of the statements, counted from zero; each one once, since DuckDB moves it out.
  package func prepare(at index: Int) throws(DuckDBError) -> DuckDBStatement {
    precondition(index >= 0 && index < count)
    precondition(prepared.insert(index).inserted, "a statement is prepared once")
    try connection.interruptHandle.throwIfInterrupted()
    var statement: duckdb_prepared_statement?
    let state = duckdb_prepare_extracted_statement(
      connection.handle, handle, idx_t(index), &statement)
    return try DuckDBStatement(connection, adopting: statement, state: state)
  }
}
