/// A table's columns, as the server's `schema_json` has them.
package struct TableSchema: Sendable, Equatable {
  package struct Column: Sendable, Equatable {
    package var name: String
    package var typeName: String
    package var isNullable = true

    package init(name: String, typeName: String, isNullable: Bool = true) {
      self.name = name
      self.typeName = typeName
      self.isNullable = isNullable
    }

    /// From `NAME TYPE [not null]`; the type may hold spaces.
    package init?(declaration: String) {
      var words = declaration.split(separator: " ").map(String.init)
      guard words.count >= 2 else { return nil }
      let ending = words.suffix(2).map { $0.lowercased() }
      isNullable = ending != ["not", "null"]
      if !isNullable { words.removeLast(2) }
      guard words.count >= 2 else { return nil }
      name = words[0]
      typeName = words[1...].joined(separator: " ")
    }
  }

  package var columns: [Column]

  package init(columns: [Column]) {
    self.columns = columns
  }

  /// From the server's description of a table; what is missing is left out.
  package init(_ table: JSONValue) {
    columns = (table["schema_json"]?["columns"]?.array ?? []).compactMap { column in
      guard let name = column["name"]?.text, let type = column["type"]?.text else { return nil }
      return Column(
        name: name, typeName: type, isNullable: column["nullable"]?.boolean ?? true)
    }
  }

  package var json: JSONValue {
    let columns = columns.map { column in
      var members: [JSONValue.Member] = [
        .init(name: "name", value: .string(column.name)),
        .init(name: "type", value: .string(column.typeName)),
      ]
      if !column.isNullable { members.append(.init(name: "nullable", value: .boolean(false))) }
      return JSONValue.object(members)
    }
    return .object([.init(name: "columns", value: .array(columns))])
  }
}
