/// A logical type of DuckDB.
package indirect enum DuckDBType: Equatable, Hashable, Sendable {
  /// A named part of a STRUCT or UNION.
  package struct Field: Equatable, Hashable, Sendable {
    package let name: String
    package let type: DuckDBType

    package init(name: String, type: DuckDBType) {
      self.name = name
      self.type = type
    }
  }

  case boolean
  case tinyint, smallint, integer, bigint, hugeint
  case utinyint, usmallint, uinteger, ubigint, uhugeint
  case float, double
  case decimal(width: Int, scale: Int)
  case bignum
  case varchar
  /// VARCHAR with the alias JSON; its text need not be strict JSON.
  case json
  case blob, bit, uuid, geometry
  case date, time, timeNanoseconds, timeWithTimeZone
  case timestamp, timestampSeconds, timestampMilliseconds, timestampNanoseconds
  case timestampWithTimeZone, timestampWithTimeZoneNanoseconds
  case interval
  case `enum`([String])
  case list(DuckDBType)
  case array(DuckDBType, size: Int)
  case `struct`([Field])
  case tuple([DuckDBType])
  case map(key: DuckDBType, value: DuckDBType)
  case union([Field])
  case variant
  /// The type of an untyped NULL.
  case null
  /// A type this wrapper does not know, by DuckDB's number.
  case unknown(UInt32)
}

extension DuckDBType: CustomStringConvertible {
  /// The name as SQL shows it, such as `DECIMAL(18,3)` or `STRUCT(a INTEGER)[]`.
  package var description: String {
    switch self {
    case .decimal(let width, let scale): return "DECIMAL(\(width),\(scale))"
    case .enum(let labels):
      return "ENUM(" + labels.map(sqlLiteral).joined(separator: ", ") + ")"
    case .list(let element): return "\(element)[]"
    case .array(let element, let size): return "\(element)[\(size)]"
    case .struct(let fields): return fields.isEmpty ? "STRUCT" : "STRUCT" + Self.list(of: fields)
    case .tuple(let types):
      return "TUPLE(" + types.map(\.description).joined(separator: ", ") + ")"
    case .map(let key, let value): return "MAP(\(key), \(value))"
    case .union(let members): return "UNION" + Self.list(of: members)
    default: return scalarName
    }
  }

  private var scalarName: String {
    switch self {
    case .boolean: "BOOLEAN"
    case .tinyint: "TINYINT"
    case .smallint: "SMALLINT"
    case .integer: "INTEGER"
    case .bigint: "BIGINT"
    case .hugeint: "HUGEINT"
    case .utinyint: "UTINYINT"
    case .usmallint: "USMALLINT"
    case .uinteger: "UINTEGER"
    case .ubigint: "UBIGINT"
    case .uhugeint: "UHUGEINT"
    case .float: "FLOAT"
    case .double: "DOUBLE"
    case .bignum: "BIGNUM"
    case .varchar: "VARCHAR"
    case .json: "JSON"
    case .blob: "BLOB"
    case .bit: "BIT"
    case .uuid: "UUID"
    case .geometry: "GEOMETRY"
    case .date: "DATE"
    case .time: "TIME"
    case .timeNanoseconds: "TIME_NS"
    case .timeWithTimeZone: "TIME WITH TIME ZONE"
    case .timestamp: "TIMESTAMP"
    case .timestampSeconds: "TIMESTAMP_S"
    case .timestampMilliseconds: "TIMESTAMP_MS"
    case .timestampNanoseconds: "TIMESTAMP_NS"
    case .timestampWithTimeZone: "TIMESTAMP WITH TIME ZONE"
    case .timestampWithTimeZoneNanoseconds: "TIMESTAMPTZ_NS"
    case .interval: "INTERVAL"
    case .variant: "VARIANT"
    case .null: "\"NULL\""
    default: "UNKNOWN"
    }
  }

  private static func list(of fields: [Field]) -> String {
    "(" + fields.map { "\(displayed($0.name)) \($0.type)" }.joined(separator: ", ") + ")"
  }

  private static func displayed(_ name: String) -> String {
    let isPlain =
      !name.isEmpty
      && name.utf8.enumerated().allSatisfy { index, byte in
        (byte >= 0x61 && byte <= 0x7A) || byte == 0x5F
          || (index > 0 && byte >= 0x30 && byte <= 0x39)
      }
    return isPlain ? name : sqlIdentifier(name)
  }
}
