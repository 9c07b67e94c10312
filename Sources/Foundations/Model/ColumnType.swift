/// The type of a column: a scalar, or a list, a structure or a map of further types.
///
/// Every value in a list, structure or map may be null; the keys of a map may not.
package enum ColumnType: Hashable, Sendable {
  case scalar(ScalarType)
  indirect case list(ColumnType)
  /// At least one field; names differ by more than upper and lower case.
  case structure([StructureField])
  /// `ScalarType.canBeMapKey` holds for the key.
  indirect case map(key: ScalarType, value: ColumnType)

  /// Lists, structures and maps around a scalar, at most.
  package static let maxNesting = 16
}

/// A field of a structure; it has a name as a column has.
package struct StructureField: Hashable, Sendable {
  package let name: String
  package let type: ColumnType

  package init(name: String, type: ColumnType) {
    self.name = name
    self.type = type
  }
}

extension ScalarType {
  /// What a map's keys can be: types in which two values are equal exactly when their JSON is, but
  /// for the spelling of numbers.
  package var canBeMapKey: Bool {
    switch self {
    case .varchar, .tinyint, .smallint, .integer, .bigint, .utinyint, .usmallint, .uinteger,
      .ubigint, .date, .uuid:
      true
    case .boolean, .float, .double, .decimal, .blob, .time, .timestamp, .timestampS, .timestampMS,
      .timestampNS, .timestampTZ, .json:
      false
    }
  }
}

extension ColumnType {
  package static let boolean = ColumnType.scalar(.boolean)
  package static let tinyint = ColumnType.scalar(.tinyint)
  package static let smallint = ColumnType.scalar(.smallint)
  package static let integer = ColumnType.scalar(.integer)
  package static let bigint = ColumnType.scalar(.bigint)
  package static let utinyint = ColumnType.scalar(.utinyint)
  package static let usmallint = ColumnType.scalar(.usmallint)
  package static let uinteger = ColumnType.scalar(.uinteger)
  package static let ubigint = ColumnType.scalar(.ubigint)
  package static let float = ColumnType.scalar(.float)
  package static let double = ColumnType.scalar(.double)
  package static let varchar = ColumnType.scalar(.varchar)
  package static let blob = ColumnType.scalar(.blob)
  package static let date = ColumnType.scalar(.date)
  package static let time = ColumnType.scalar(.time)
  package static let timestamp = ColumnType.scalar(.timestamp)
  package static let timestampS = ColumnType.scalar(.timestampS)
  package static let timestampMS = ColumnType.scalar(.timestampMS)
  package static let timestampNS = ColumnType.scalar(.timestampNS)
  package static let timestampTZ = ColumnType.scalar(.timestampTZ)
  package static let uuid = ColumnType.scalar(.uuid)
  package static let json = ColumnType.scalar(.json)

  package static func decimal(precision: Int, scale: Int) -> ColumnType {
    .scalar(.decimal(precision: precision, scale: scale))
  }
}

extension ColumnType {
  package var isNested: Bool {
    if case .scalar = self { false } else { true }
  }

  /// How DuckDB's SQL spells the type, the names of fields always quoted.
  package var sqlName: String {
    switch self {
    case .scalar(let scalar): scalar.sqlName
    case .list(let element): "\(element.sqlName)[]"
    case .structure(let fields):
      "STRUCT("
        + fields.map { "\(SQLText.identifier($0.name)) \($0.type.sqlName)" }
        .joined(separator: ", ") + ")"
    case .map(let key, let value): "MAP(\(key.sqlName), \(value.sqlName))"
    }
  }

  /// How `ducklake_column.column_type` spells the type; rows of their own tell what is inside.
  package var duckLakeName: String {
    switch self {
    case .scalar(let scalar): scalar.duckLakeName
    case .list: "list"
    case .structure: "struct"
    case .map: "map"
    }
  }

  /// What is directly inside, under the names that DuckLake and Parquet have for it.
  package var children: [StructureField] {
    switch self {
    case .scalar: []
    case .list(let element): [StructureField(name: "element", type: element)]
    case .structure(let fields): fields
    case .map(let key, let value):
      [StructureField(name: "key", type: .scalar(key)), StructureField(name: "value", type: value)]
    }
  }

  /// The types that it is made of, itself counted: as many column ids as it takes.
  package var columnCount: Int { children.reduce(1) { $0 + $1.type.columnCount } }

  /// What the type takes, for the client whose value was refused; of a nested one its own form.
  package var expectation: String {
    switch self {
    case .scalar(let scalar): scalar.expectation
    case .list: "LIST (an array)"
    case .structure: "STRUCT (an object)"
    case .map(.varchar, _): "MAP (an object)"
    case .map: "MAP (an array of objects with \"key\" and \"value\")"
    }
  }
}
