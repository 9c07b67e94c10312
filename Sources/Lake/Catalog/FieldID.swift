import Model

/// A column with its Parquet field id, and those of what is inside it.
package struct FieldID: Codable, Equatable, Sendable {
  package let name: String
  package let id: Int64
  package let inner: [FieldID]

  package init(_ name: String, _ id: Int64, inner: [FieldID] = []) {
    self.name = name
    self.id = id
    self.inner = inner
  }

  /// - Parameter ids: of the type itself, then of all inside, each before its own children.
  fileprivate init(_ name: String, _ type: ColumnType, ids: inout ArraySlice<Int64>) {
    self.name = name
    id = ids.removeFirst()
    var inner: [FieldID] = []
    for child in type.children { inner.append(FieldID(child.name, child.type, ids: &ids)) }
    self.inner = inner
  }

  /// A member of the Parquet writer's option FIELD_IDS.
  package var sql: String {
    let name = SQLText.identifier(name)
    guard !inner.isEmpty else { return "\(name): \(id)" }
    let members = ["__duckdb_field_id: \(id)"] + inner.map(\.sql)
    return "\(name): {\(members.joined(separator: ", "))}"
  }
}

extension [FieldID] {
  /// How many of them, and of those inside, have values of their own.
  package var leafCount: Int { reduce(0) { $0 + Swift.max(1, $1.inner.leafCount) } }
}

extension TableRecord {
  /// The columns in the schema's order.
  package var fieldIDs: [FieldID] {
    definition.schema.columns.indices.map { index in
      var ids = ([columnIDs[index]] + innerColumnIDs[index])[...]
      let column = definition.schema.columns[index]
      return FieldID(column.name, column.type, ids: &ids)
    }
  }
}
