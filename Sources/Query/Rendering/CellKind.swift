import DuckDB

/// How the cells of a column are written: the type's form with the physical layout decided.
enum CellKind: UInt8 {
  case null
  case boolean
  case int8, int16, int32, int64, int64AsString
  case uint8, uint16, uint32, uint64, uint64AsString
  case hugeint, uhugeint
  case float, double
  case decimal16, decimal32, decimal64, decimal128
  case text, json, blob
  case uuid
  case enum8, enum16, enum32
  case date, time, timeNanoseconds
  case timestamp, timestampSeconds, timestampMilliseconds, timestampNanoseconds
  case timestampUTC, timestampNanosecondsUTC
  case interval
  case list, array, object, tuple, map, mapWithTextKeys, union
  /// Written from `DuckDBValue`: rare types, for which speed does not matter.
  case value

  init(_ type: DuckDBType, bigIntsAsStrings: Bool) {
    switch type {
    case .null: self = .null
    case .boolean: self = .boolean
    case .bigint: self = bigIntsAsStrings ? .int64AsString : .int64
    case .ubigint: self = bigIntsAsStrings ? .uint64AsString : .uint64
    case .tinyint: self = .int8
    case .smallint: self = .int16
    case .integer: self = .int32
    case .utinyint: self = .uint8
    case .usmallint: self = .uint16
    case .uinteger: self = .uint32
    case .hugeint: self = .hugeint
    case .uhugeint: self = .uhugeint
    case .float: self = .float
    case .double: self = .double
    case .decimal(let width, _): self = Self.decimal(width: width)
    case .varchar: self = .text
    case .json: self = .json
    case .blob, .geometry: self = .blob
    case .uuid: self = .uuid
    case .enum(let labels):
      self = labels.count <= 0xFF ? .enum8 : labels.count <= 0xFFFF ? .enum16 : .enum32
    case .date, .time, .timeNanoseconds, .timestamp, .timestampSeconds, .timestampMilliseconds,
      .timestampNanoseconds, .timestampWithTimeZone, .timestampWithTimeZoneNanoseconds, .interval:
      self = Self.time(type)
    case .list: self = .list
    case .array: self = .array
    case .struct: self = .object
    case .tuple: self = .tuple
    case .map(let key, _): self = key == .varchar ? .mapWithTextKeys : .map
    case .union: self = .union
    case .bignum, .bit, .timeWithTimeZone, .variant, .unknown: self = .value
    }
  }

  private static func decimal(width: Int) -> CellKind {
    switch width {
    case ...4: .decimal16
    case ...9: .decimal32
    case ...18: .decimal64
    default: .decimal128
    }
  }

  private static func time(_ type: DuckDBType) -> CellKind {
    switch type {
    case .date: .date
    case .time: .time
    case .timeNanoseconds: .timeNanoseconds
    case .timestampSeconds: .timestampSeconds
    case .timestampMilliseconds: .timestampMilliseconds
    case .timestampNanoseconds: .timestampNanoseconds
    case .timestampWithTimeZone: .timestampUTC
    case .timestampWithTimeZoneNanoseconds: .timestampNanosecondsUTC
    case .interval: .interval
    default: .timestamp
    }
  }

  /// Whether a cell that is not NULL is a JSON array or object.
  var isNested: Bool {
    switch self {
    case .list, .array, .object, .tuple, .map, .mapWithTextKeys, .union: true
    default: false
    }
  }

  /// Whether the JSON form of a scalar stands in quotes.
  var isQuoted: Bool {
    switch self {
    case .int64AsString, .uint64AsString, .hugeint, .uhugeint, .decimal16, .decimal32, .decimal64,
      .decimal128, .blob, .uuid, .date, .time, .timeNanoseconds, .timestamp, .timestampSeconds,
      .timestampMilliseconds, .timestampNanoseconds, .timestampUTC, .timestampNanosecondsUTC,
      .interval:
      true
    default: false
    }
  }
}
