/// A small result, read whole.
package struct DuckDBTable: Equatable, Sendable {
  package let columns: [DuckDBResult.Column]
  /// Each row has one value per column, in the columns' order.
  package let rows: [[DuckDBValue]]

  /// The value in a row's column; nil when there is no such column.
  package func value(_ column: String, row: Int = 0) -> DuckDBValue? {
    guard rows.indices.contains(row),
      let index = columns.firstIndex(where: { $0.name == column })
    else { return nil }
    return rows[row][index]
  }
}
