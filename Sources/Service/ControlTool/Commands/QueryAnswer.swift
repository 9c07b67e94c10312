/// A query's JSON answer, for a reader.
package struct QueryAnswer {
  private let columns: [TextTable.Column]
  private let rows: [[String]]
  private let value: JSONValue

  /// Nil when columns or rows are missing.
  package init?(_ value: JSONValue) {
    guard let names = value["columns"]?.array, let rows = value["rows"]?.array else { return nil }
    let types = value["types"]?.array ?? []
    columns = names.enumerated().map { index, name in
      let type = index < types.count ? types[index].text ?? "" : ""
      return TextTable.Column(
        title: name.text ?? name.compactText, isNumeric: Self.isNumeric(typeName: type))
    }
    let count = names.count
    self.rows = rows.map { row in
      let cells = (row.array ?? []).map(Self.cell)
      return Array(cells.prefix(count)) + Array(repeating: "", count: max(0, count - cells.count))
    }
    self.value = value
  }

  package func table(maximumCellWidth: Int?) -> String {
    TextTable(columns: columns, maximumCellWidth: maximumCellWidth).render(rows)
  }

  /// One line on rows, snapshot and time.
  package var footer: String {
    var parts = ["\(Printable.grouped(rows.count)) \(rows.count == 1 ? "row" : "rows")"]
    if value["truncated"]?.boolean == true { parts[0] += ", cut at the row limit" }
    if let snapshot = value["snapshot_id"]?.compactText { parts.append("snapshot \(snapshot)") }
    if let token = value["max_visibility_token"]?.compactText { parts.append("token \(token)") }
    if let letters = value["dead_letter_count"]?.integer, letters > 0 {
      parts.append("\(Printable.grouped(letters)) dead letters")
    }
    if let duration = value["stats"]?["duration_ms"]?.compactText {
      parts.append("\(duration) ms")
    }
    return Printable.line("(" + parts.joined(separator: "; ") + ")")
  }

  private static func cell(_ value: JSONValue) -> String {
    switch value {
    case .null: "NULL"
    case .string(let text): text
    case .boolean, .number, .array, .object: value.compactText
    }
  }

  private static func isNumeric(typeName: String) -> Bool {
    switch ColumnType(typeName: typeName) {
    case .integer, .exactNumber, .floatingPoint: true
    case .boolean, .json, .text: false
    }
  }
}
