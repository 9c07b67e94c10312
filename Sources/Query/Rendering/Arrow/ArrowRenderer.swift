import DuckDB

/// Writes the rows of a result as an Arrow IPC stream.
package struct ArrowRenderer {
  package struct Outcome: Sendable {
    package let rowCount: Int
    /// Whether rows were left when the limit was reached.
    package let truncated: Bool
  }

  private let result: DuckDBResult
  private let export: DuckDBArrowExport
  private var encoder: ArrowStreamEncoder

  /// - Parameter result: with types that `ColumnConversion` has made fit.
  /// - Throws: `.notImplemented` for a type without an Arrow form.
  package init(_ result: DuckDBResult) throws(DuckDBError) {
    self.result = result
    export = try DuckDBArrowExport(result)
    encoder = try ArrowStreamEncoder(export.fields)
  }

  /// Writes the whole stream.
  ///
  /// - Parameter flush: sends what the buffer holds, and empties it.
  package mutating func render(
    upTo rowLimit: Int, into buffer: inout OutputBuffer,
    flush: (inout OutputBuffer) throws -> Void
  ) throws -> Outcome {
    encoder.appendSchema(to: &buffer)
    var rowCount = 0
    var truncated = false
    while !truncated, let chunk = try result.nextChunk() {
      let count = min(chunk.rowCount, rowLimit - rowCount)
      truncated = count < chunk.rowCount
      guard count > 0 else { break }
      try export.withColumns(of: chunk) { columns in
        try encoder.append(columns, rowCount: count, to: &buffer, flush: flush)
      }
      rowCount += count
    }
    encoder.appendEnd(to: &buffer)
    try flush(&buffer)
    return Outcome(rowCount: rowCount, truncated: truncated)
  }
}
