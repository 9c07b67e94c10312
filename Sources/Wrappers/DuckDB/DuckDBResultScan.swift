internal import CDuckDB

/// A table function that gives the rows of a result that is being read, so that a statement of our
/// own can process what another statement answers without either being text inside the other.
///
/// The rows come in order, on one thread, with the columns called `c0`, `c1`, …
package final class DuckDBResultScan {
  /// What a scan came to.
  package struct Outcome {
    package let rowCount: Int
    /// Whether rows were left when the limit was reached.
    package let truncated: Bool
  }

  // Touched by the calling thread before and after a statement runs, and during it by the one
  // engine thread that scans: the engine's own hand-over orders the accesses.
  private final class Source {
    var result: DuckDBResult?
    var rowLimit = 0
    var rowCount = 0
    var truncated = false
    var failure: DuckDBError?
    /// The rows handed out last; the engine refers to them until it asks for the next.
    var chunk: DuckDBChunk?
  }

  package let name: String
  private let source = Source()

  /// Registers the function for the whole instance, under a name that is not used again.
  ///
  /// - Throws: `.catalog` when the name is taken.
  package init(named name: String, on connection: DuckDBConnection) throws(DuckDBError) {
    self.name = name
    var function = duckdb_create_table_function()
    defer { duckdb_destroy_table_function(&function) }
    duckdb_table_function_set_name(function, name)
    duckdb_table_function_set_extra_info(
      function, Unmanaged.passRetained(source).toOpaque(),
      { pointer in
        guard let pointer else { return }
        Unmanaged<Source>.fromOpaque(pointer).release()
      })
    duckdb_table_function_set_bind(function, { DuckDBResultScan.bind($0) })
    duckdb_table_function_set_init(function, { duckdb_init_set_max_threads($0, 1) })
    duckdb_table_function_set_function(function, { DuckDBResultScan.fill($0, $1) })
    guard duckdb_register_table_function(connection.handle, function) == DuckDBSuccess else {
      throw DuckDBError(kind: .catalog, message: "the table function cannot be registered")
    }
  }

  /// Runs `body`, whose statements may scan the function once.
  ///
  /// - Parameter rowLimit: rows after which the scan ends.
  /// - Throws: the result's own error in place of what it made of the statement that scanned.
  package func scanning<Value>(
    _ result: DuckDBResult, upTo rowLimit: Int, _ body: () throws -> Value
  ) throws -> (value: Value, outcome: Outcome) {
    source.result = result
    source.rowLimit = rowLimit
    source.rowCount = 0
    source.truncated = false
    source.failure = nil
    defer {
      source.result = nil
      source.chunk = nil
    }
    do {
      let value = try body()
      if let failure = source.failure { throw failure }
      return (value, Outcome(rowCount: source.rowCount, truncated: source.truncated))
    } catch {
      throw source.failure ?? error
    }
  }

  private static func bind(_ info: duckdb_bind_info?) {
    guard let result = source(duckdb_bind_get_extra_info(info))?.result else {
      duckdb_bind_set_error(info, "there is no result to scan")
      return
    }
    for index in result.columns.indices {
      var type = duckdb_column_logical_type(&result.result, idx_t(index))
      duckdb_bind_add_result_column(info, "c\(index)", type)
      duckdb_destroy_logical_type(&type)
    }
  }

  private static func fill(_ info: duckdb_function_info?, _ output: duckdb_data_chunk?) {
    guard let source = source(duckdb_function_get_extra_info(info)), let output else { return }
    do throws(DuckDBError) {
      let count = try advance(source)
      if let chunk = source.chunk {
        for index in 0..<idx_t(chunk.columnCount) {
          duckdb_vector_reference_vector(
            duckdb_data_chunk_get_vector(output, index),
            duckdb_data_chunk_get_vector(chunk.handle, index))
        }
      }
      duckdb_data_chunk_set_size(output, idx_t(count))
    } catch {
      source.failure = error
      duckdb_function_set_error(info, error.message)
    }
  }

  /// Takes the next rows of the result as `chunk`.
  ///
  /// - Returns: how many of them count; 0 at the end.
  private static func advance(_ source: Source) throws(DuckDBError) -> Int {
    source.chunk = nil
    guard let result = source.result, !source.truncated, let chunk = try result.nextChunk() else {
      return 0
    }
    let count = min(chunk.rowCount, source.rowLimit - source.rowCount)
    source.truncated = count < chunk.rowCount
    guard count > 0 else { return 0 }
    source.chunk = chunk
    source.rowCount += count
    return count
  }

  private static func source(_ pointer: UnsafeMutableRawPointer?) -> Source? {
    pointer.map { Unmanaged<Source>.fromOpaque($0).takeUnretainedValue() }
  }
}
