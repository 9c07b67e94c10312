internal import CDuckDB

/// Gives the chunks of one result in the layout of the Arrow C data interface.
package final class DuckDBArrowExport {
  /// One for each column of the result.
  package let fields: [DuckDBArrowField]
  private var options: duckdb_arrow_options?

  /// - Throws: `.notImplemented` for a type that has no Arrow form.
  package init(_ result: DuckDBResult) throws(DuckDBError) {
    var options = duckdb_result_get_arrow_options(&result.result)
    do throws(DuckDBError) {
      fields = try Self.fields(of: result, options)
    } catch {
      duckdb_destroy_arrow_options(&options)
      throw error
    }
    self.options = options
  }

  deinit {
    duckdb_destroy_arrow_options(&options)
  }

  /// Lends the columns of a chunk of the result.
  package func withColumns<Result>(
    of chunk: DuckDBChunk, _ body: ([DuckDBArrowArray]) throws -> Result
  ) throws -> Result {
    var array = ArrowArray()
    try Self.check(duckdb_data_chunk_to_arrow(options, chunk.handle, &array))
    defer { array.release?(&array) }
    return try withUnsafePointer(to: array) { pointer in
      let rows = DuckDBArrowArray(pointer)
      return try body((0..<rows.childCount).map(rows.child))
    }
  }

  private static func fields(
    of result: DuckDBResult, _ options: duckdb_arrow_options?
  ) throws(DuckDBError) -> [DuckDBArrowField] {
    let names = result.columns.map { CString($0.name) }
    var types = names.indices.map { duckdb_column_logical_type(&result.result, idx_t($0)) }
    defer { for index in types.indices { duckdb_destroy_logical_type(&types[index]) } }
    var pointers: [UnsafePointer<CChar>?] = names.map { UnsafePointer($0.pointer) }
    var schema = ArrowSchema()
    let failure = withExtendedLifetime(names) {
      duckdb_to_arrow_schema(options, &types, &pointers, idx_t(names.count), &schema)
    }
    try check(failure)
    defer { schema.release?(&schema) }
    return DuckDBArrowField(schema).children
  }

  private static func check(_ failure: duckdb_error_data?) throws(DuckDBError) {
    var failure = failure
    defer { duckdb_destroy_error_data(&failure) }
    guard let data = failure, duckdb_error_data_has_error(data) else { return }
    let message = duckdb_error_data_message(data).map { String(cString: $0) } ?? ""
    throw DuckDBError(type: duckdb_error_data_error_type(data), message: message)
  }
}
