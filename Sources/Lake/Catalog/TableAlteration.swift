import Model

/// The next version of a table's schema, as the catalog is to write it.
package struct TableAlteration: Sendable, Equatable {
  package struct Column: Sendable, Equatable {
    /// Nil for a new column; the catalog gives it an id that the table never had.
    package let id: Int64?
    package let definition: ColumnDefinition
    /// What rows have that were written before the column was added.
    package let initialDefault: ColumnDefault?

    package init(id: Int64?, definition: ColumnDefinition, initialDefault: ColumnDefault?) {
      self.id = id
      self.definition = definition
      self.initialDefault = initialDefault
    }
  }

  package let table: TableID
  /// The version that the columns were worked out from; refused when the table has another by then.
  package let base: Int64
  /// All columns in their new order; nil when only the mode changes, which makes no version.
  package let columns: [Column]?
  package let compatibilityMode: CompatibilityMode
  package let eventTimeColumn: String?

  package init(
    table: TableID, base: Int64, columns: [Column]?, compatibilityMode: CompatibilityMode,
    eventTimeColumn: String?
  ) {
    self.table = table
    self.base = base
    self.columns = columns
    self.compatibilityMode = compatibilityMode
    self.eventTimeColumn = eventTimeColumn
  }
}

extension TableAlteration {
  /// The table's order in the names that its columns have afterwards.
  package func sortOrder(of table: TableRecord) -> [SortField] {
    let order = table.definition.layout.sortOrder
    guard let columns else { return order }
    let names = Dictionary(
      columns.compactMap { column in column.id.map { ($0, column.definition.name) } }
    ) { first, _ in first }
    let ids = table.columnIDsByName
    return order.map { field in
      SortField(
        ids[field.column].flatMap { names[$0] } ?? field.column,
        isDescending: field.isDescending, putsNullsFirst: field.putsNullsFirst)
    }
  }
}

/// A version of a table's schema, with when it came to be.
package struct TableVersion: Sendable, Equatable {
  /// The table as it was at the version, with the mode that held from then on.
  package let table: TableRecord
  package let createdAt: Timestamp

  package init(table: TableRecord, createdAt: Timestamp) {
    self.table = table
    self.createdAt = createdAt
  }
}
