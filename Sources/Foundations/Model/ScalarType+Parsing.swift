extension ScalarType {
  private static let longestSpelling = 64

  private static let spellings: [String: ScalarType] = [
    "BOOLEAN": .boolean, "BOOL": .boolean, "LOGICAL": .boolean,
    "TINYINT": .tinyint, "INT1": .tinyint,
    "SMALLINT": .smallint, "INT2": .smallint, "SHORT": .smallint, "INT16": .smallint,
    "INTEGER": .integer, "INT": .integer, "INT4": .integer, "SIGNED": .integer,
    "INT32": .integer,
    "BIGINT": .bigint, "INT8": .bigint, "LONG": .bigint, "INT64": .bigint,
    "UTINYINT": .utinyint, "UINT8": .utinyint,
    "USMALLINT": .usmallint, "UINT16": .usmallint,
    "UINTEGER": .uinteger, "UINT32": .uinteger,
    "UBIGINT": .ubigint, "UINT64": .ubigint,
    "FLOAT": .float, "REAL": .float, "FLOAT4": .float,
    "DOUBLE": .double, "FLOAT8": .double, "DOUBLE PRECISION": .double,
    "VARCHAR": .varchar, "TEXT": .varchar, "STRING": .varchar, "CHAR": .varchar,
    "BPCHAR": .varchar, "CHARACTER VARYING": .varchar,
    "BLOB": .blob, "BYTEA": .blob, "BINARY": .blob, "VARBINARY": .blob,
    "DATE": .date, "TIME": .time, "TIME WITHOUT TIME ZONE": .time,
    "TIMESTAMP": .timestamp, "DATETIME": .timestamp, "TIMESTAMP_US": .timestamp,
    "TIMESTAMP WITHOUT TIME ZONE": .timestamp,
    "TIMESTAMP_S": .timestampS, "TIMESTAMP_MS": .timestampMS, "TIMESTAMP_NS": .timestampNS,
    "TIMESTAMPTZ": .timestampTZ, "TIMESTAMP WITH TIME ZONE": .timestampTZ,
    "UUID": .uuid, "GUID": .uuid, "JSON": .json,
  ]

  private static let advice: [String: String] = [
    "HUGEINT": "use DECIMAL(38,0)", "INT128": "use DECIMAL(38,0)",
    "UHUGEINT": "use DECIMAL(38,0)", "UINT128": "use DECIMAL(38,0)",
    "BIGNUM": "use DECIMAL(38,0) or VARCHAR", "VARINT": "use DECIMAL(38,0) or VARCHAR",
    "INTERVAL": "store two timestamps, or a number of microseconds as BIGINT",
    "TIMETZ": "use TIMESTAMPTZ", "TIME WITH TIME ZONE": "use TIMESTAMPTZ",
    "BIT": "use VARCHAR", "BITSTRING": "use VARCHAR", "ENUM": "use VARCHAR",
    "VARIANT": "use JSON", "GEOMETRY": "use BLOB or VARCHAR", "UNION": "use JSON",
    "TIME_NS": "use TIME, or BIGINT for nanoseconds", "TIMESTAMPTZ_NS": "use TIMESTAMPTZ",
    "LIST": "write INTEGER[], with the type of its elements before the brackets",
    "ARRAY": "write INTEGER[], with the type of its elements before the brackets",
  ]

  /// Reads a scalar type as SQL spells it: DuckDB's names and aliases, in any case.
  ///
  /// A length as in `VARCHAR(20)` means nothing to DuckDB and is refused.
  /// - Throws: `ColumnTypeError`.
  package init(sql: String) throws(ColumnTypeError) {
    guard sql.utf8.count <= Self.longestSpelling else { throw .unknown("(a long text)") }
    let words = sql.uppercased().split(separator: " ", omittingEmptySubsequences: true)
    let name = words.joined(separator: " ")
    if let type = Self.spellings[name] {
      self = type
      return
    }
    let base = String(name.prefix { $0 != "(" })
      .split(separator: " ").joined(separator: " ")
    if ["DECIMAL", "NUMERIC", "DEC"].contains(base) {
      self = try Self.decimal(arguments: String(name.dropFirst(base.count)))
      return
    }
    if let advice = Self.advice[base] { throw .unsupported(base, advice: advice) }
    throw .unknown(sql)
  }

  /// `DECIMAL` alone is DECIMAL(18,3) as in DuckDB, `DECIMAL(p)` has scale 0.
  private static func decimal(arguments: String) throws(ColumnTypeError) -> ScalarType {
    let text = arguments.filter { $0 != " " }
    if text.isEmpty { return .decimal(precision: 18, scale: 3) }
    guard text.hasPrefix("("), text.hasSuffix(")") else { throw .decimalOutOfRange }
    let parts = text.dropFirst().dropLast().split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.map { part in part.allSatisfy(\.isNumber) ? Int(part) : nil }
    guard (1...2).contains(parts.count), let first = numbers[0],
      let second = numbers.count == 2 ? numbers[1] : 0,
      (1...maxDecimalPrecision).contains(first), (0...first).contains(second)
    else { throw .decimalOutOfRange }
    return .decimal(precision: first, scale: second)
  }

  private static let duckLakeNames: [String: ScalarType] = {
    let types: [ScalarType] = [
      .boolean, .tinyint, .smallint, .integer, .bigint, .utinyint, .usmallint, .uinteger,
      .ubigint, .float, .double, .varchar, .blob, .date, .time, .timestamp, .timestampS,
      .timestampMS, .timestampNS, .timestampTZ, .uuid, .json,
    ]
    return Dictionary(uniqueKeysWithValues: types.map { ($0.duckLakeName, $0) })
  }()

  /// Reads `ducklake_column.column_type`.
  ///
  /// - Returns: nil for a type that tables here do not have.
  package init?(duckLakeName name: String) {
    if let type = Self.duckLakeNames[name] {
      self = type
    } else if name.hasPrefix("decimal("), let type = try? ScalarType(sql: name) {
      self = type
    } else {
      return nil
    }
  }
}
