import DuckDB

extension CellRenderer {
  /// Writes a cell as a CSV field; makes its own room. NULL is nothing at all.
  func appendCSV(_ row: Int, to buffer: inout OutputBuffer) throws(DuckDBError) {
    if isNull(row) { return }
    switch kind {
    case .null: break
    case .text, .json: buffer.appendCSVText(bytes(row))
    case .enum8, .enum16, .enum32:
      var text = plainLabels[label(row)]
      text.withUTF8 { buffer.appendCSVText($0) }
    case .float: appendNumber(element(row, as: Float.self), to: &buffer)
    case .double: appendNumber(element(row, as: Double.self), to: &buffer)
    case .value: try appendValue(row, to: &buffer)
    case .blob:
      let start = buffer.count
      buffer.appendBase64(bytes(row))
      if buffer.count == start { buffer.append("\"\"") }
    default:
      if kind.isNested {
        let start = buffer.count
        try appendJSON(row, to: &buffer)
        buffer.quoteForCSV(from: start)
      } else {
        appendPlain(row, to: &buffer)
      }
    }
  }

  private func appendNumber<Number: BinaryFloatingPoint & TextOutputStreamable>(
    _ value: Number, to buffer: inout OutputBuffer
  ) {
    if value.isFinite {
      buffer.reserve(OutputBuffer.numberLimitBytes)
      buffer.appendShortest(value)
    } else {
      buffer.appendNonFinite(isNaN: value.isNaN, isNegative: value < 0, isQuoted: false)
    }
  }

  /// Scalars without their JSON quotes; a VARIANT is always JSON, since its type differs by row.
  private func appendValue(_ row: Int, to buffer: inout OutputBuffer) throws(DuckDBError) {
    let value = try value(row)
    let start = buffer.count
    switch value {
    case .bit(let text), .bignum(let text):
      var text = text
      text.withUTF8 { buffer.appendCSVText($0) }
    case .timeWithTimeZone:
      buffer.appendJSON(value)
      buffer.rewrite(from: start, growingBy: 0) { bytes, count in
        // The quotes around the text go.
        for index in 1..<count - 1 { bytes[index - 1] = bytes[index] }
        return count - 2
      }
    default:
      buffer.appendJSON(value)
      buffer.quoteForCSV(from: start)
    }
  }
}
