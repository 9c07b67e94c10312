internal import CDuckDB

/// Rows to be appended, filled column by column straight into DuckDB's memory.
///
/// Set every row of every column up to `rowCount`, append it, and `reset()` it for the next rows.
package final class DuckDBChunkBuilder {
  /// The most rows of one chunk.
  package static let capacity = Int(duckdb_vector_size())

  package let types: [DuckDBType]
  let handle: duckdb_data_chunk
  private let vectors: [duckdb_vector]

  /// - Throws: `.notImplemented` for nested types other than lists and structs of scalars.
  package init(_ types: [DuckDBType]) throws(DuckDBError) {
    var logicalTypes = types.map { $0.makeLogicalType() }
    defer {
      for index in logicalTypes.indices { duckdb_destroy_logical_type(&logicalTypes[index]) }
    }
    if let index = logicalTypes.firstIndex(of: nil) {
      throw DuckDBError(
        kind: .notImplemented, message: "a chunk of type \(types[index]) cannot be built")
    }
    guard let chunk = duckdb_create_data_chunk(&logicalTypes, idx_t(types.count)) else {
      throw DuckDBError(kind: .outOfMemory, message: "duckdb_create_data_chunk failed")
    }
    self.types = types
    handle = chunk
    vectors = Self.vectors(of: chunk, count: types.count)
  }

  deinit {
    var handle: duckdb_data_chunk? = handle
    duckdb_destroy_data_chunk(&handle)
  }

  /// The number of rows that count; at most `capacity`.
  package var rowCount: Int {
    get { Int(duckdb_data_chunk_get_size(handle)) }
    set {
      precondition(newValue >= 0 && newValue <= Self.capacity)
      duckdb_data_chunk_set_size(handle, idx_t(newValue))
    }
  }

  /// Empties the chunk and frees its strings.
  package func reset() {
    duckdb_data_chunk_reset(handle)
  }

  /// Lends the elements of a fixed-size column; `Element` must be its physical type.
  package func withElements<Element: BitwiseCopyable, Result, Failure: Error>(
    ofColumn column: Int, as type: Element.Type,
    _ body: (UnsafeMutableBufferPointer<Element>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let start = duckdb_vector_get_data(vectors[column])?.assumingMemoryBound(to: type)
    return try body(UnsafeMutableBufferPointer(start: start, count: Self.capacity))
  }

  package func setNull(column: Int, row: Int) {
    precondition(row >= 0 && row < Self.capacity)
    duckdb_vector_ensure_validity_writable(vectors[column])
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vectors[column]), idx_t(row))
  }

  /// Copies the bytes of a BLOB, or of a text that is known to be UTF-8.
  ///
  /// DuckDB trusts the text: bytes that are not UTF-8 break it later, far from here.
  package func setTrustedBytes(_ bytes: UnsafeRawBufferPointer, column: Int, row: Int) {
    precondition(row >= 0 && row < Self.capacity)
    guard let start = bytes.baseAddress else {
      duckdb_unsafe_vector_assign_string_element_len(vectors[column], idx_t(row), "", 0)
      return
    }
    duckdb_unsafe_vector_assign_string_element_len(
      vectors[column], idx_t(row), start.assumingMemoryBound(to: CChar.self), idx_t(bytes.count))
  }

  /// Copies a text.
  ///
  /// - Throws: `.invalidInput` when the bytes are not UTF-8.
  package func setText(
    _ bytes: UnsafeRawBufferPointer, column: Int, row: Int
  ) throws(DuckDBError) {
    if let start = bytes.baseAddress {
      var error = duckdb_valid_utf8_check(
        start.assumingMemoryBound(to: CChar.self), idx_t(bytes.count))
      if error != nil {
        duckdb_destroy_error_data(&error)
        throw DuckDBError(
          kind: .invalidInput, message: "the text in row \(row), column \(column) is not UTF-8")
      }
    }
    setTrustedBytes(bytes, column: column, row: row)
  }

  private static func vectors(of chunk: duckdb_data_chunk, count: Int) -> [duckdb_vector] {
    (0..<idx_t(count)).map { duckdb_data_chunk_get_vector(chunk, $0) }
  }
}
