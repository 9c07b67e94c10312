extension ColumnType {
  /// The type that `json_transform` reads, as a member of the text that tells it the structure.
  ///
  /// `materialization(of:)` makes the column's type of it.
  var transformName: String {
    transformed.sqlName.replacing("\"", with: "\\\"")
  }

  private var transformed: ColumnType {
    switch self {
    case .scalar(.decimal), .scalar(.blob), .scalar(.json): .varchar
    case .scalar: self
    case .list(let element): .list(element.transformed)
    case .structure(let fields):
      .structure(fields.map { StructureField(name: $0.name, type: $0.type.transformed) })
    case .map(.varchar, let value): .map(key: .varchar, value: value.transformed)
    case .map:
      .list(
        .structure(children.map { StructureField(name: $0.name, type: $0.type.transformed) }))
    }
  }

  /// SQL that makes the column's value of what `json_transform` read.
  ///
  /// - Parameter field: SQL of that value, which may stand more than once in the result.
  func materialization(of field: String) -> String { materialization(of: field, nesting: 0) }

  private func materialization(of field: String, nesting: Int) -> String {
    guard transformed != self else { return field }
    guard needsExpression else { return "CAST(\(field) AS \(sqlName))" }
    // Each lambda has a name of its own: one inside another sees both.
    let element = "e\(nesting)"
    switch self {
    case .scalar: return "from_base64(\(field))"
    case .list(let type):
      let value = type.materialization(of: element, nesting: nesting + 1)
      return "list_transform(\(field), lambda \(element): \(value))"
    case .structure(let fields):
      let members = fields.map { member in
        let name = SQLText.identifier(member.name)
        let value = member.type.materialization(of: "\(field).\(name)", nesting: nesting)
        return "\(name): \(value)"
      }
      return "CASE WHEN \(field) IS NOT NULL THEN {\(members.joined(separator: ", "))} END"
    case .map(let key, let type):
      let entries = key == .varchar ? "map_entries(\(field))" : field
      let value = type.materialization(of: "\(element).value", nesting: nesting + 1)
      return "map_from_entries(list_transform(\(entries), "
        + "lambda \(element): {'key': \(element).key, 'value': \(value)}))"
    }
  }

  /// Whether no cast makes the type of what `json_transform` read: bytes travel as base64, and the
  /// entries of a map whose keys are no strings as a list.
  private var needsExpression: Bool {
    switch self {
    case .scalar(let scalar): scalar == .blob
    case .list, .structure: children.contains { $0.type.needsExpression }
    case .map(let key, let value): key != .varchar || value.needsExpression
    }
  }
}
