/// The type of one Arrow column, in the words of Arrow's C data interface.
package struct DuckDBArrowInput: Sendable, Equatable {
  package var name: String
  /// Such as `l` for 64-bit integers or `+s` for structs.
  package var format: String
  package var children: [DuckDBArrowInput]
  /// The type of the values that the column's integers point at.
  package var dictionary: [DuckDBArrowInput]

  package init(
    name: String, format: String, children: [DuckDBArrowInput] = [],
    dictionary: DuckDBArrowInput? = nil
  ) {
    self.name = name
    self.format = format
    self.children = children
    self.dictionary = dictionary.map { [$0] } ?? []
  }
}

/// The values of one Arrow column: places in memory that the caller keeps.
///
/// Buffers are those that the format asks for, in its order; a validity buffer that is nil says
/// that no value is null.
package struct DuckDBArrowColumn {
  package var length: Int
  package var nullCount: Int
  package var offset: Int
  package var buffers: [UnsafeRawPointer?]
  package var children: [DuckDBArrowColumn]
  package var dictionary: [DuckDBArrowColumn]

  package init(
    length: Int, nullCount: Int, offset: Int = 0, buffers: [UnsafeRawPointer?],
    children: [DuckDBArrowColumn] = [], dictionary: DuckDBArrowColumn? = nil
  ) {
    self.length = length
    self.nullCount = nullCount
    self.offset = offset
    self.buffers = buffers
    self.children = children
    self.dictionary = dictionary.map { [$0] } ?? []
  }
}
