import Model
import SimdJSON

extension ProposedSchema {
  private static let renamedFrom = "renamed_from"

  /// Reads a `schema_json` whose columns may say with `renamed_from` what they are called now.
  ///
  /// - Throws: `SchemaError`.
  package init(json: JSONValue) throws(SchemaError) {
    var columns: [ColumnDefinition] = []
    var renamedFrom: [String: String] = [:]
    for element in try TableSchema.elements(of: json) {
      let column = try ColumnDefinition(json: element, others: [Self.renamedFrom])
      columns.append(column)
      guard let value = element[Self.renamedFrom], value != .null else { continue }
      guard let old = value.text else {
        throw .malformed(expected: "a column's \"\(Self.renamedFrom)\" must be a string")
      }
      renamedFrom[column.name] = old
    }
    self.init(schema: try TableSchema(columns: columns), renamedFrom: renamedFrom)
  }
}
