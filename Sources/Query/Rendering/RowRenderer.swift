import DuckDB

/// Renders the rows of one result as text.
package final class RowRenderer {
  package let format: RowFormat
  /// The rows rendered so far.
  package private(set) var rowCount = 0
  private let columnNames: [String]
  /// What stands before each cell of an NDJSON object: `{"a":`, then `,"b":`.
  private let memberPrefixes: [[UInt8]]
  private let cells: [CellRenderer]

  /// - Parameters:
  ///   - bigIntsAsStrings: BIGINT and UBIGINT are JSON strings, for readers whose numbers are
  ///     doubles; CSV stays the same.
  ///   - looseJSON: what JSON and NDJSON make of a JSON cell that is none by RFC 8259.
  package init(
    format: RowFormat, columns: [DuckDBResult.Column], bigIntsAsStrings: Bool = false,
    looseJSON: LooseJSON = .quoted
  ) {
    self.format = format
    columnNames = columns.map(\.name)
    memberPrefixes = columns.enumerated().map { index, column in
      [UInt8(ascii: index == 0 ? "{" : ",")] + jsonString(column.name) + [UInt8(ascii: ":")]
    }
    cells = columns.map {
      CellRenderer($0.type, bigIntsAsStrings: bigIntsAsStrings, looseJSON: looseJSON)
    }
  }

  /// Writes what stands before the first row: the line of column names of CSV.
  package func renderHeader(into buffer: inout OutputBuffer) {
    guard format == .csv else { return }
    for (index, name) in columnNames.enumerated() {
      if index > 0 { buffer.append(byte: UInt8(ascii: ",")) }
      var name = name
      name.withUTF8 { buffer.appendCSVText($0) }
    }
    buffer.append("\r\n")
  }

  /// Appends the rows of a chunk from `firstRow` on, until the result has `rowLimit` rows in all
  /// or, after any row, the buffer holds `pauseBytes`: send it then, empty it, and go on with the
  /// row that was returned.
  ///
  /// - Returns: the first row of the chunk that was not rendered; `rowCount` of the chunk when
  ///   none is left.
  /// - Throws: `.notImplemented` for a type without a form, `.dataCorruption` for a broken VARIANT,
  ///   `.conversion` for a JSON cell that is refused.
  package func render(
    _ chunk: DuckDBChunk, from firstRow: Int = 0, upTo rowLimit: Int, pauseBytes: Int = .max,
    into buffer: inout OutputBuffer
  ) throws(DuckDBError) -> Int {
    precondition(chunk.columnCount == cells.count && firstRow >= 0)
    let end = min(chunk.rowCount, firstRow + max(0, rowLimit - rowCount))
    defer { for index in cells.indices { cells[index].unload() } }
    let row = try chunk.withVectors { (vectors) throws(DuckDBError) in
      for (index, vector) in vectors.enumerated() { cells[index].load(vector) }
      // The cells are lent once for the whole chunk: the loop below runs for every cell.
      return try cells.withUnsafeBufferPointer { (cells) throws(DuckDBError) in
        try render(cells, firstRow..<max(firstRow, end), pauseBytes: pauseBytes, into: &buffer)
      }
    }
    rowCount += row - firstRow
    return row
  }

  private func render(
    _ cells: UnsafeBufferPointer<CellRenderer>, _ rows: Range<Int>, pauseBytes: Int,
    into buffer: inout OutputBuffer
  ) throws(DuckDBError) -> Int {
    var needsComma = rowCount > 0
    for row in rows {
      switch format {
      case .json:
        if needsComma { buffer.append(byte: UInt8(ascii: ",")) }
        needsComma = true
        try Self.renderArray(row, cells, into: &buffer)
      case .ndjson: try Self.renderObject(row, cells, memberPrefixes, into: &buffer)
      case .csv: try Self.renderLine(row, cells, into: &buffer)
      }
      if buffer.count >= pauseBytes { return row + 1 }
    }
    return rows.upperBound
  }

  @inline(__always)
  private static func renderArray(
    _ row: Int, _ cells: UnsafeBufferPointer<CellRenderer>, into buffer: inout OutputBuffer
  ) throws(DuckDBError) {
    buffer.append(byte: UInt8(ascii: "["))
    for index in 0..<cells.count {
      if index > 0 { buffer.append(byte: UInt8(ascii: ",")) }
      try cells[index].appendJSON(row, to: &buffer)
    }
    buffer.append(byte: UInt8(ascii: "]"))
  }

  @inline(__always)
  private static func renderObject(
    _ row: Int, _ cells: UnsafeBufferPointer<CellRenderer>, _ memberPrefixes: [[UInt8]],
    into buffer: inout OutputBuffer
  ) throws(DuckDBError) {
    if cells.isEmpty { buffer.append(byte: UInt8(ascii: "{")) }
    for index in 0..<cells.count {
      memberPrefixes[index].withUnsafeBytes { buffer.append(contentsOf: $0) }
      try cells[index].appendJSON(row, to: &buffer)
    }
    buffer.append("}\n")
  }

  @inline(__always)
  private static func renderLine(
    _ row: Int, _ cells: UnsafeBufferPointer<CellRenderer>, into buffer: inout OutputBuffer
  ) throws(DuckDBError) {
    for index in 0..<cells.count {
      if index > 0 { buffer.append(byte: UInt8(ascii: ",")) }
      try cells[index].appendCSV(row, to: &buffer)
    }
    buffer.append("\r\n")
  }
}
