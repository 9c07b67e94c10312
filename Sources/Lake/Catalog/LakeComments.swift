import Model

/// Comments on tables and columns at one snapshot.
package struct LakeComments: Sendable, Equatable {
  package var tables: [TableID: String]
  /// By the column's field id.
  package var columns: [TableID: [Int64: String]]

  package init(tables: [TableID: String] = [:], columns: [TableID: [Int64: String]] = [:]) {
    self.tables = tables
    self.columns = columns
  }

  /// - Parameter column: nil for a comment on the table itself.
  package mutating func add(_ text: String, to table: TableID, column: Int64?) {
    if let column {
      columns[table, default: [:]][column] = text
    } else {
      tables[table] = text
    }
  }
}
