extension TableSchema {
  package static let maxKeyColumns = 16

  /// The schema with the columns of a primary key made NOT NULL.
  ///
  /// - Parameter names: in the order of the key; none leaves the schema as it is.
  /// - Throws: `.primaryKey` for a name that is no column or stands twice, a type that cannot be
  ///   compared for equality without doubt, or too many.
  package func withPrimaryKey(_ names: [String]) throws(SchemaError) -> TableSchema {
    guard names.count <= Self.maxKeyColumns else { throw .primaryKey(.tooManyColumns) }
    var key: Set<String> = []
    for name in names {
      guard let column = column(named: name) else { throw .primaryKey(.noSuchColumn(name)) }
      guard column.type.canBeKey else { throw .primaryKey(.type(column.type, of: name)) }
      guard key.insert(name).inserted else { throw .primaryKey(.standsTwice(name)) }
    }
    return try TableSchema(
      columns: columns.map { column in
        ColumnDefinition(
          name: column.name, type: column.type,
          isNullable: column.isNullable && !key.contains(column.name),
          defaultValue: column.defaultValue)
      })
  }
}

/// Why columns are refused as a primary key.
package enum PrimaryKeyProblem: Equatable, Sendable {
  case tooManyColumns
  case noSuchColumn(String)
  case standsTwice(String)
  case type(ColumnType, of: String)

  /// Fit for a client.
  package var explanation: String {
    switch self {
    case .tooManyColumns: "at most \(TableSchema.maxKeyColumns) names"
    case .noSuchColumn(let name): "names of columns; there is no \"\(name)\""
    case .standsTwice(let name): "names that each stand once; \"\(name)\" stands twice"
    case .type(let type, let name):
      "of types other than \(type.sqlName), which \"\(name)\" has"
    }
  }
}

extension ColumnType {
  /// Whether two values of the type are equal exactly when a user would say so.
  ///
  /// Floating-point numbers have two zeros and unequal NaNs, JSON texts several spellings of one
  /// value; of BLOB and nested columns the lake keeps no bounds by which files could be left out.
  package var canBeKey: Bool {
    switch self {
    case .list, .structure, .map: false
    case .scalar(let scalar):
      switch scalar {
      case .float, .double, .json, .blob: false
      case .boolean, .tinyint, .smallint, .integer, .bigint, .utinyint, .usmallint, .uinteger,
        .ubigint, .decimal, .varchar, .date, .time, .timestamp, .timestampS, .timestampMS,
        .timestampNS, .timestampTZ, .uuid:
        true
      }
    }
  }
}
