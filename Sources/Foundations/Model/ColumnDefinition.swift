/// One column of a table's schema.
package struct ColumnDefinition: Hashable, Sendable {
  package let name: String
  package let type: ColumnType
  package let isNullable: Bool
  /// The value of a record that lacks the column; an explicit null stays null.
  package let defaultValue: ColumnDefault?
  /// What the column means, for people and tools.
  package let comment: String?

  package static let maxCommentBytes = 1_024

  package init(
    name: String, type: ColumnType, isNullable: Bool = true, defaultValue: ColumnDefault? = nil,
    comment: String? = nil
  ) {
    self.name = name
    self.type = type
    self.isNullable = isNullable
    self.defaultValue = defaultValue
    self.comment = comment
  }
}

/// A column's default, as the text that `ducklake_column.default_value` holds.
///
/// DuckDB casts the text to the column's type; whoever makes one has checked that the cast holds.
package struct ColumnDefault: Hashable, Sendable {
  /// What the catalog holds for a column without a default.
  package static let absentCatalogText = "NULL"

  package let catalogText: String
  package init(catalogText: String) { self.catalogText = catalogText }

  /// Reads what the catalog holds; nil for a column without a default.
  package init?(stored text: String?) {
    guard let text, text != Self.absentCatalogText else { return nil }
    self.init(catalogText: text)
  }

  /// The default as a SQL expression of the column's type.
  package func sql(as type: ColumnType) -> String {
    "CAST(\(SQLText.literal(catalogText)) AS \(type.sqlName))"
  }
}
