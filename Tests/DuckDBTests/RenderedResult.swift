import DuckDB
import Foundation
import Rendering

/// Renders the whole result of a query.
func render(
  _ sql: String, as format: RowFormat, on connection: DuckDBConnection,
  upTo rowLimit: Int = .max, bigIntsAsStrings: Bool = false
) throws -> String {
  let result = try connection.prepare(sql).execute()
  let renderer = RowRenderer(
    format: format, columns: result.columns, bigIntsAsStrings: bigIntsAsStrings)
  var buffer = OutputBuffer(capacity: 1)
  renderer.renderHeader(into: &buffer)
  while let chunk = try result.nextChunk() {
    _ = try renderer.render(chunk, upTo: rowLimit, into: &buffer)
  }
  return try buffer.withBytes { bytes in
    guard let text = String(validating: bytes, as: UTF8.self) else { throw NotUTF8() }
    return text
  }
}

/// Renders as JSON and parses the answer with an independent parser.
func parsedRows(
  _ sql: String, on connection: DuckDBConnection, bigIntsAsStrings: Bool = false
) throws -> [[NSObject]] {
  let text = try render(sql, as: .json, on: connection, bigIntsAsStrings: bigIntsAsStrings)
  let parsed = try JSONSerialization.jsonObject(with: Data("[\(text)]".utf8))
  guard let rows = parsed as? [[NSObject]] else { throw NotRows() }
  return rows
}

struct NotUTF8: Error {}
struct NotRows: Error {}
