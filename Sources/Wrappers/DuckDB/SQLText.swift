/// A string as an SQL literal, for the few statements that take no parameters.
package func sqlLiteral(_ text: String) -> String { quoted(text, with: UInt8(ascii: "'")) }

/// A name as a quoted SQL identifier.
package func sqlIdentifier(_ name: String) -> String { quoted(name, with: UInt8(ascii: "\"")) }

// Byte by byte: as a Character, a quote with a combining mark behind it is not a quote.
private func quoted(_ text: String, with quote: UInt8) -> String {
  var bytes: [UInt8] = [quote]
  for byte in text.utf8 {
    bytes.append(byte)
    if byte == quote { bytes.append(quote) }
  }
  bytes.append(quote)
  return String(decoding: bytes, as: UTF8.self)
}

/// Refuses text that C would cut: DuckDB would silently run only what stands before the NUL.
func checkedForNul(_ sql: String) throws(DuckDBError) -> String {
  if sql.utf8.contains(0) {
    throw DuckDBError(kind: .parser, message: "Parser Error: the statement holds a NUL character")
  }
  return sql
}
