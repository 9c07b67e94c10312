internal import CDuckDB

/// Appends rows to a table, much faster than INSERT.
///
/// Rows are visible after `finish()`; an appender that is dropped without it discards what was
/// not flushed.
package final class DuckDBAppender {
  private let connection: DuckDBConnection
  private var handle: duckdb_appender?

  /// - Throws: `.catalog` when there is no such table.
  package init(
    _ connection: DuckDBConnection, schema: String? = nil, table: String
  ) throws(DuckDBError) {
    var appender: duckdb_appender?
    let state = duckdb_appender_create(connection.handle, schema, table, &appender)
    guard state == DuckDBSuccess, let appender else {
      defer { Self.discard(&appender) }
      throw Self.error(of: appender, otherwise: "duckdb_appender_create failed")
    }
    self.connection = connection
    handle = appender
  }

  deinit { Self.discard(&handle) }

  /// Appends a chunk; its types are cast to the table's when they differ.
  package func append(_ chunk: DuckDBChunkBuilder) throws(DuckDBError) {
    try check(duckdb_append_data_chunk(handle, chunk.handle))
  }

  /// Appends a chunk that somebody else keeps.
  func append(adopted chunk: duckdb_data_chunk) throws(DuckDBError) {
    try check(duckdb_append_data_chunk(handle, chunk))
  }

  package func append(_ value: Int64) throws(DuckDBError) {
    try check(duckdb_append_int64(handle, value))
  }

  package func append(_ value: Double) throws(DuckDBError) {
    try check(duckdb_append_double(handle, value))
  }

  package func append(_ value: Bool) throws(DuckDBError) {
    try check(duckdb_append_bool(handle, value))
  }

  /// Appends a text given as UTF-8.
  package func append(text: UnsafeRawBufferPointer) throws(DuckDBError) {
    let start = text.baseAddress?.assumingMemoryBound(to: CChar.self)
    try check(
      start == nil
        ? duckdb_append_varchar_length(handle, "", 0)
        : duckdb_append_varchar_length(handle, start, idx_t(text.count)))
  }

  package func append(_ text: String) throws(DuckDBError) {
    var text = text
    let state = text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters in
        characters.isEmpty
          ? duckdb_append_varchar_length(handle, "", 0)
          : duckdb_append_varchar_length(
            handle, characters.baseAddress, idx_t(characters.count))
      }
    }
    try check(state)
  }

  package func append(_ value: DuckDBValue) throws(DuckDBError) {
    var created = try value.makeCValue()
    defer { duckdb_destroy_value(&created) }
    try check(duckdb_append_value(handle, created))
  }

  package func appendNull() throws(DuckDBError) {
    try check(duckdb_append_null(handle))
  }

  /// Ends a row; each column must have got its value.
  package func endRow() throws(DuckDBError) {
    try check(duckdb_appender_end_row(handle))
  }

  /// Writes everything to the table and closes the appender.
  ///
  /// - Throws: `.constraint` and others; no row of the unflushed part is in the table then.
  package func finish() throws(DuckDBError) {
    precondition(handle != nil, "finish() is called once")
    do {
      try check(duckdb_appender_flush(handle))
    } catch {
      Self.discard(&handle)
      throw error
    }
    guard duckdb_appender_destroy(&handle) == DuckDBSuccess else {
      throw DuckDBError(kind: .internal, message: "duckdb_appender_destroy failed")
    }
  }

  private func check(_ state: duckdb_state) throws(DuckDBError) {
    guard state == DuckDBSuccess else {
      throw Self.error(of: handle, otherwise: "the appender failed")
    }
  }

  /// Destroying flushes, so what is buffered has to go first.
  private static func discard(_ appender: inout duckdb_appender?) {
    guard let buffered = appender else { return }
    duckdb_appender_clear(buffered)
    duckdb_appender_destroy(&appender)
  }

  private static func error(
    of appender: duckdb_appender?, otherwise fallback: String
  ) -> DuckDBError {
    guard let appender, var data = Optional(duckdb_appender_error_data(appender)) else {
      return DuckDBError(kind: .internal, message: fallback)
    }
    defer { duckdb_destroy_error_data(&data) }
    guard duckdb_error_data_has_error(data), let message = duckdb_error_data_message(data) else {
      return DuckDBError(kind: .internal, message: fallback)
    }
    return DuckDBError(type: duckdb_error_data_error_type(data), message: String(cString: message))
  }
}
