/// A string as an SQL literal, for the few statements that take no parameters.
package func sqlLiteral(_ text: String) -> String {
  "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
}

/// A name as a quoted SQL identifier.
package func sqlIdentifier(_ name: String) -> String {
  "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
    + "\""
}

/// Refuses text that C would cut: DuckDB would silently run only what stands before the NUL.
func checkedForNul(_ sql: String) throws(DuckDBError) -> String {
  if sql.utf8.contains(0) {
    throw DuckDBError(kind: .parser, message: "Parser Error: the statement holds a NUL character")
  }
  return sql
}
