import DuckDB

/// Renders the rows of one result as text.
package final class RowRenderer {
  package let format: RowFormat
  /// The rows rendered so far.
  package private(set) var rowCount = 0
  private let columnNames: [String]
  /// What stands before each cell of an NDJSON object: `{"a":`, then `,"b":`.
  private let memberPrefixes: [[UInt8]]
  private var cells: [CellRenderer]

  /// With `bigIntsAsStrings`, BIGINT and UBIGINT are JSON strings, for readers whose numbers
  /// are doubles; CSV stays the same.
  package init(
    format: RowFormat, columns: [DuckDBResult.Column], bigIntsAsStrings: Bool = false
  ) {
    self.format = format
    columnNames = columns.map(\.name)
    memberPrefixes = columns.enumerated().map { index, column in
      [UInt8(ascii: index == 0 ? "{" : ",")] + jsonString(column.name) + [UInt8(ascii: ":")]
    }
    cells = columns.map { CellRenderer($0.type, bigIntsAsStrings: bigIntsAsStrings) }
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
  /// - Throws: `.notImplemented` for a type without a form, `.dataCorruption` for a broken VARIANT.
  package func render(
    _ chunk: DuckDBChunk, from firstRow: Int = 0, upTo rowLimit: Int, pauseBytes: Int = .max,
    into buffer: inout OutputBuffer
  ) throws(DuckDBError) -> Int {
    precondition(chunk.columnCount == cells.count && firstRow >= 0)
    let end = min(chunk.rowCount, firstRow + max(0, rowLimit - rowCount))
    defer { for index in cells.indices { cells[index].unload() } }
    var row = firstRow
    try chunk.withVectors { (vectors) throws(DuckDBError) in
      for (index, vector) in vectors.enumerated() { cells[index].load(vector) }
      while row < end {
        switch format {
        case .json: try renderArray(row, isFirst: rowCount == 0, into: &buffer)
        case .ndjson: try renderObject(row, into: &buffer)
        case .csv: try renderLine(row, into: &buffer)
        }
        row += 1
        rowCount += 1
        if buffer.count >= pauseBytes { break }
      }
    }
    return row
  }

  private func renderArray(
    _ row: Int, isFirst: Bool, into buffer: inout OutputBuffer
  ) throws(DuckDBError) {
    if !isFirst { buffer.append(byte: UInt8(ascii: ",")) }
    buffer.append(byte: UInt8(ascii: "["))
    for index in cells.indices {
      if index > 0 { buffer.append(byte: UInt8(ascii: ",")) }
      try cells[index].appendJSON(row, to: &buffer)
    }
    buffer.append(byte: UInt8(ascii: "]"))
  }

  private func renderObject(
    _ row: Int, into buffer: inout OutputBuffer
  ) throws(DuckDBError) {
    if cells.isEmpty { buffer.append(byte: UInt8(ascii: "{")) }
    for index in cells.indices {
      memberPrefixes[index].withUnsafeBytes { buffer.append(contentsOf: $0) }
      try cells[index].appendJSON(row, to: &buffer)
    }
    buffer.append("}\n")
  }

  private func renderLine(
    _ row: Int, into buffer: inout OutputBuffer
  ) throws(DuckDBError) {
    for index in cells.indices {
      if index > 0 { buffer.append(byte: UInt8(ascii: ",")) }
      try cells[index].appendCSV(row, to: &buffer)
    }
    buffer.append("\r\n")
  }
}
