import DuckDB
import Testing

@Suite struct SQLTextTests {
  /// U+0301 joins the character before it: Swift then sees one Character that is not a quote.
  @Test(arguments: ["it's", "'", "'\u{301}; DROP TABLE t; --", "a''b", "\"\u{308}x"])
  func aQuotedTextComesBackAsItWas(text: String) async throws {
    try await onOwnThread {
      let connection = try DuckDBInstance().connect()
      let table = try connection.query("SELECT \(sqlLiteral(text)) AS \(sqlIdentifier(text))")
      #expect(table.rows == [[.string(text)]])
      #expect(table.columns.first?.name == text)
    }
  }
}
