internal import CDuckDB

/// A column of a chunk, or the children of a nested one; lent by `DuckDBChunk.withVectors`.
///
/// The layout is DuckDB's: `data` holds `count` fixed-size elements, those of NULL rows undefined.
/// Strings, blobs and bits are 16-byte headers (`withBytes`), lists are `ListEntry`, structs have
/// no data of their own.
package struct DuckDBVector {
  /// A list's place in its child vector.
  @frozen package struct ListEntry: BitwiseCopyable, Sendable {
    package let offset: UInt64
    package let length: UInt64
  }

  package let type: DuckDBType
  /// Number of elements; for a list's child all elements of all rows.
  package let count: Int
  package let data: UnsafeRawPointer?
  /// A bit per row, least significant first, 1 means valid; nil when no row is NULL.
  package let validity: UnsafePointer<UInt64>?
  private let handle: duckdb_vector

  init(_ handle: duckdb_vector, type: DuckDBType, count: Int) {
    self.handle = handle
    self.type = type
    self.count = count
    data = UnsafeRawPointer(duckdb_vector_get_data(handle))
    validity = UnsafePointer(duckdb_vector_get_validity(handle))
  }

  package func isNull(_ row: Int) -> Bool {
    guard let validity else { return false }
    return validity[row >> 6] & (1 << UInt64(row & 63)) == 0
  }

  /// One fixed-size element; its type must be the physical type of the vector.
  package func element<Element: BitwiseCopyable>(
    _ row: Int, as type: Element.Type = Element.self
  ) -> Element {
    precondition(row >= 0 && row < count)
    guard let data else { preconditionFailure("a struct vector has no elements") }
    return data.loadUnaligned(fromByteOffset: row * MemoryLayout<Element>.stride, as: type)
  }

  /// Lends all fixed-size elements; those of NULL rows are undefined.
  package func withElements<Element: BitwiseCopyable, Result>(
    as type: Element.Type, _ body: (UnsafeBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    try body(UnsafeBufferPointer(start: data?.assumingMemoryBound(to: type), count: count))
  }

  /// Lends the bytes of one string, blob or bit string.
  package func withBytes<Result, Failure: Error>(
    _ row: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(row >= 0 && row < count)
    guard let data else { preconditionFailure("a struct vector has no bytes") }
    // Up to 12 bytes stand in the header after the length, longer ones behind a pointer.
    let header = data + row * 16
    let length = Int(header.load(as: UInt32.self))
    let start = length <= 12 ? header + 4 : (header + 8).load(as: UnsafeRawPointer.self)
    return try body(UnsafeRawBufferPointer(start: start, count: length))
  }

  /// The elements of all rows of a LIST.
  package func listChild(_ childType: DuckDBType) -> DuckDBVector {
    DuckDBVector(
      duckdb_list_vector_get_child(handle), type: childType,
      count: Int(duckdb_list_vector_get_size(handle)))
  }

  /// The elements of all rows of an ARRAY: row r has those from r × size on.
  package func arrayChild(_ childType: DuckDBType, size: Int) -> DuckDBVector {
    DuckDBVector(duckdb_array_vector_get_child(handle), type: childType, count: count * size)
  }

  /// A field of a STRUCT, or part of what DuckDB stores as one (UNION: tag, then the members).
  package func structChild(_ index: Int, _ childType: DuckDBType) -> DuckDBVector {
    DuckDBVector(
      duckdb_struct_vector_get_child(handle, idx_t(index)), type: childType, count: count)
  }

  /// Keys and values of all rows of a MAP, whose rows are `ListEntry` into both.
  package func mapChildren(
    key: DuckDBType, value: DuckDBType
  ) -> (keys: DuckDBVector, values: DuckDBVector) {
    let entries = listChild(.struct([]))
    return (entries.structChild(0, key), entries.structChild(1, value))
  }
}
