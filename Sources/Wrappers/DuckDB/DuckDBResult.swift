internal import CDuckDB

/// The rows of an executed statement, fetched chunk by chunk; single pass.
package final class DuckDBResult {
  /// A column of a result. Names may repeat.
  package struct Column: Equatable, Sendable {
    package let name: String
    package let type: DuckDBType
  }

  package let columns: [Column]
  private let types: [DuckDBType]
  private let statement: DuckDBStatement
  var result: duckdb_result
  private var isFinished = false

  init(_ statement: DuckDBStatement, adopting result: duckdb_result) {
    var result = result
    self.statement = statement
    columns = (0..<duckdb_column_count(&result)).map { index in
      var logicalType = duckdb_column_logical_type(&result, index)
      defer { duckdb_destroy_logical_type(&logicalType) }
      return Column(
        name: duckdb_column_name(&result, index).map { String(cString: $0) } ?? "",
        type: DuckDBType(logicalType))
    }
    types = columns.map(\.type)
    self.result = result
  }

  deinit {
    duckdb_destroy_result(&result)
  }

  /// The next rows, or nil at the end.
  ///
  /// DuckDB hands rows out only once its stream buffer is full (about 10 MB) or the statement
  /// has ended: the first rows of a slow statement can be long in coming, and an error can come
  /// instead of rows that were computed before it.
  ///
  /// - Throws: an error of the execution. DuckDB's fetch tells end and error apart only by the
  ///   result's error text, so this is the one place that asks for it.
  package func nextChunk() throws(DuckDBError) -> DuckDBChunk? {
    while !isFinished {
      guard let chunk = duckdb_fetch_chunk(result) else {
        isFinished = true
        if let error = Self.errorIfAny(of: &result) { throw error }
        break
      }
      let lent = DuckDBChunk(adopting: chunk, types: types)
      if lent.rowCount > 0 { return lent }
    }
    return nil
  }

  /// Reads all remaining rows as values.
  ///
  /// - Throws: `.outOfRange` beyond `maximumRows`, `.notImplemented` for a type that has no value
  ///   form (`DuckDBValue`).
  package func readTable(maximumRows: Int = 100_000) throws(DuckDBError) -> DuckDBTable {
    var rows: [[DuckDBValue]] = []
    while let chunk = try nextChunk() {
      guard rows.count + chunk.rowCount <= maximumRows else {
        throw DuckDBError(
          kind: .outOfRange, message: "the result has more than \(maximumRows) rows")
      }
      rows += try chunk.readRows()
    }
    return DuckDBTable(columns: columns, rows: rows)
  }

  static func error(of result: inout duckdb_result) -> DuckDBError {
    errorIfAny(of: &result)
      ?? DuckDBError(kind: .internal, message: "DuckDB reported a failure without a text")
  }

  private static func errorIfAny(of result: inout duckdb_result) -> DuckDBError? {
    guard let message = duckdb_result_error(&result), message.pointee != 0 else { return nil }
    return DuckDBError(type: duckdb_result_error_type(&result), message: String(cString: message))
  }
}
