internal import CDuckDB

/// Reads columns in Arrow's memory layout into a table, as DuckDB converts them.
///
/// DuckDB believes offsets and indices: whoever hands columns over has checked them.
package final class DuckDBArrowReader {
  /// The most rows of one piece.
  package static let capacity = Int(duckdb_vector_size())

  private let connection: DuckDBConnection
  private let schema: ArrowSchemaTree
  private var converted: duckdb_arrow_converted_schema?

  /// - Throws: for a format that DuckDB does not read.
  package init(_ connection: DuckDBConnection, fields: [DuckDBArrowInput]) throws(DuckDBError) {
    self.connection = connection
    schema = ArrowSchemaTree(
      DuckDBArrowInput(name: "", format: "+s", children: fields))
    var converted: duckdb_arrow_converted_schema?
    try Self.check(duckdb_schema_from_arrow(connection.handle, schema.root, &converted))
    self.converted = converted
  }

  deinit { duckdb_destroy_arrow_converted_schema(&converted) }

  /// Appends some rows of the columns.
  ///
  /// - Parameter rows: at most `capacity` of them, within the columns.
  package func append(
    _ columns: [DuckDBArrowColumn], rows: Range<Int>, to appender: DuckDBAppender
  ) throws(DuckDBError) {
    precondition(rows.count <= Self.capacity, "more rows than one chunk holds")
    let pieces = columns.map { column in
      var piece = column
      piece.offset += rows.lowerBound
      piece.length = rows.count
      // Counted over the whole column: the engine is to look for itself.
      piece.nullCount = column.nullCount == 0 ? 0 : -1
      return piece
    }
    let tree = ArrowArrayTree(
      DuckDBArrowColumn(length: rows.count, nullCount: 0, buffers: [nil], children: pieces))
    var chunk: duckdb_data_chunk?
    defer { duckdb_destroy_data_chunk(&chunk) }
    // The tree is ours: its release does nothing but say so.
    try withExtendedLifetime(tree) { () throws(DuckDBError) in
      try Self.check(
        duckdb_data_chunk_from_arrow(connection.handle, tree.root, converted, &chunk))
      guard let chunk else {
        throw DuckDBError(kind: .internal, message: "duckdb_data_chunk_from_arrow gave nothing")
      }
      try appender.append(adopted: chunk)
      // The chunk refers to the tree's buffers as long as it is there.
    }
    duckdb_destroy_data_chunk(&chunk)
  }

  private static func check(_ data: duckdb_error_data?) throws(DuckDBError) {
    guard var data = Optional(data) else { return }
    defer { duckdb_destroy_error_data(&data) }
    guard duckdb_error_data_has_error(data), let message = duckdb_error_data_message(data) else {
      return
    }
    throw DuckDBError(type: duckdb_error_data_error_type(data), message: String(cString: message))
  }
}

private let releaseSchema: @convention(c) (UnsafeMutablePointer<ArrowSchema>?) -> Void = {
  $0?.pointee.release = nil
}

private let releaseArray: @convention(c) (UnsafeMutablePointer<ArrowArray>?) -> Void = {
  $0?.pointee.release = nil
}

/// A schema in C's memory, freed with this.
private final class ArrowSchemaTree {
  /// `ARROW_FLAG_NULLABLE` of the interface.
  private static let nullable: Int64 = 2

  let root = UnsafeMutablePointer<ArrowSchema>.allocate(capacity: 1)
  private var texts: [UnsafeMutablePointer<CChar>] = []
  private var nodes: [UnsafeMutablePointer<ArrowSchema>] = []
  private var lists: [UnsafeMutablePointer<UnsafeMutablePointer<ArrowSchema>?>] = []

  init(_ field: DuckDBArrowInput) {
    nodes.append(root)
    fill(root, field)
  }

  deinit {
    for text in texts { text.deallocate() }
    for node in nodes { node.deallocate() }
    for list in lists { list.deallocate() }
  }

  private func fill(_ node: UnsafeMutablePointer<ArrowSchema>, _ field: DuckDBArrowInput) {
    let children = UnsafeMutablePointer<UnsafeMutablePointer<ArrowSchema>?>.allocate(
      capacity: max(1, field.children.count))
    lists.append(children)
    for (index, child) in field.children.enumerated() { children[index] = make(child) }
    node.initialize(
      to: ArrowSchema(
        format: text(field.format), name: text(field.name), metadata: nil,
        flags: Self.nullable, n_children: Int64(field.children.count),
        children: children, dictionary: field.dictionary.first.map(make),
        release: releaseSchema, private_data: nil))
  }

  private func make(_ field: DuckDBArrowInput) -> UnsafeMutablePointer<ArrowSchema> {
    let node = UnsafeMutablePointer<ArrowSchema>.allocate(capacity: 1)
    nodes.append(node)
    fill(node, field)
    return node
  }

  private func text(_ string: String) -> UnsafePointer<CChar> {
    let characters = string.utf8CString
    let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: characters.count)
    _ = copy.initialize(from: characters)
    texts.append(copy.baseAddress!)
    return UnsafePointer(copy.baseAddress!)
  }
}

/// Columns in C's memory, freed with this; the buffers are the caller's.
private final class ArrowArrayTree {
  let root = UnsafeMutablePointer<ArrowArray>.allocate(capacity: 1)
  private var nodes: [UnsafeMutablePointer<ArrowArray>] = []
  private var lists: [UnsafeMutablePointer<UnsafeMutablePointer<ArrowArray>?>] = []
  private var bufferLists: [UnsafeMutablePointer<UnsafeRawPointer?>] = []

  init(_ column: DuckDBArrowColumn) {
    nodes.append(root)
    fill(root, column)
  }

  deinit {
    for node in nodes { node.deallocate() }
    for list in lists { list.deallocate() }
    for list in bufferLists { list.deallocate() }
  }

  private func fill(_ node: UnsafeMutablePointer<ArrowArray>, _ column: DuckDBArrowColumn) {
    let children = UnsafeMutablePointer<UnsafeMutablePointer<ArrowArray>?>.allocate(
      capacity: max(1, column.children.count))
    lists.append(children)
    for (index, child) in column.children.enumerated() { children[index] = make(child) }
    let buffers = UnsafeMutablePointer<UnsafeRawPointer?>.allocate(
      capacity: max(1, column.buffers.count))
    bufferLists.append(buffers)
    for (index, buffer) in column.buffers.enumerated() { buffers[index] = buffer }
    node.initialize(
      to: ArrowArray(
        length: Int64(column.length), null_count: Int64(column.nullCount),
        offset: Int64(column.offset), n_buffers: Int64(column.buffers.count),
        n_children: Int64(column.children.count), buffers: buffers, children: children,
        dictionary: column.dictionary.first.map(make), release: releaseArray, private_data: nil))
  }

  private func make(_ column: DuckDBArrowColumn) -> UnsafeMutablePointer<ArrowArray> {
    let node = UnsafeMutablePointer<ArrowArray>.allocate(capacity: 1)
    nodes.append(node)
    fill(node, column)
    return node
  }
}
