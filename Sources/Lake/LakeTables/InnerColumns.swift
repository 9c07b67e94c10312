import Model

/// A row of `ducklake_column` below another one: what is inside a nested column.
package struct InnerColumnRow: Sendable, Equatable {
  package let id: Int64
  package let parent: Int64
  /// From 1 among the rows of one parent.
  package let order: Int64
  package let name: String
  package let typeName: String

  package init(id: Int64, parent: Int64, order: Int64, name: String, typeName: String) {
    self.id = id
    self.parent = parent
    self.order = order
    self.name = name
    self.typeName = typeName
  }
}

extension ColumnType {
  /// The rows below a new column of this type, each before its own children, whose ids are those
  /// that follow the column's.
  package func innerRows(below id: Int64) -> [InnerColumnRow] {
    var rows: [InnerColumnRow] = []
    var next = id + 1
    for (index, child) in children.enumerated() {
      rows.append(
        InnerColumnRow(
          id: next, parent: id, order: Int64(index + 1), name: child.name,
          typeName: child.type.duckLakeName))
      rows += child.type.innerRows(below: next)
      next += Int64(child.type.columnCount)
    }
    return rows
  }
}

/// The inner rows of a table's columns, as one version of the table has them.
package struct InnerColumns {
  private let children: [Int64: [InnerColumnRow]]

  package init(_ rows: [InnerColumnRow]) {
    children = Dictionary(grouping: rows, by: \.parent)
      .mapValues { $0.sorted { $0.order < $1.order } }
  }

  /// The type of a row and the ids of all that is inside, each before its own children.
  ///
  /// - Returns: nil for a type that tables here do not have.
  package func type(
    of id: Int64, named typeName: String
  ) -> (type: ColumnType, innerIDs: [Int64])? {
    if let scalar = ScalarType(duckLakeName: typeName) { return (.scalar(scalar), []) }
    var fields: [StructureField] = []
    var ids: [Int64] = []
    for row in children[id] ?? [] {
      guard let child = type(of: row.id, named: row.typeName) else { return nil }
      fields.append(StructureField(name: row.name, type: child.type))
      ids += [row.id] + child.innerIDs
    }
    switch typeName {
    case "list":
      guard fields.count == 1 else { return nil }
      return (.list(fields[0].type), ids)
    case "struct":
      guard !fields.isEmpty else { return nil }
      return (.structure(fields), ids)
    case "map":
      guard fields.count == 2, case .scalar(let key) = fields[0].type, key.canBeMapKey else {
        return nil
      }
      return (.map(key: key, value: fields[1].type), ids)
    default: return nil
    }
  }
}
