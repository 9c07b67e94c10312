/// One value, as a parameter or read from a small result.
///
/// When read, integers to 64 bit become `int64` or `uint64` by signedness, ENUM and JSON `string`,
/// GEOMETRY a `blob` of well-known binary, ARRAY and TUPLE `list`, UNION the value of its member,
/// TIMESTAMP_S and TIMESTAMP_MS `timestamp`, VARIANT what it holds (an object as `struct`).
package indirect enum DuckDBValue: Equatable, Hashable, Sendable {
  /// A named value of a STRUCT.
  package struct Field: Equatable, Hashable, Sendable {
    package let name: String
    package let value: DuckDBValue

    package init(_ name: String, _ value: DuckDBValue) {
      self.name = name
      self.value = value
    }
  }

  /// A pair of a MAP.
  package struct Entry: Equatable, Hashable, Sendable {
    package let key: DuckDBValue
    package let value: DuckDBValue

    package init(key: DuckDBValue, value: DuckDBValue) {
      self.key = key
      self.value = value
    }
  }

  case null
  case bool(Bool)
  case int64(Int64)
  case uint64(UInt64)
  case hugeint(Int128)
  case uhugeint(UInt128)
  case float(Float)
  case double(Double)
  /// `unscaled` × 10^−scale.
  case decimal(unscaled: Int128, width: Int, scale: Int)
  /// An integer of any size in decimal digits.
  case bignum(String)
  case string(String)
  case blob([UInt8])
  /// Zeros and ones.
  case bit(String)
  /// Days since 1970-01-01.
  case date(days: Int32)
  /// Microseconds since midnight.
  case time(microseconds: Int64)
  case timeNanoseconds(Int64)
  /// Local microseconds since midnight, and seconds east of UTC.
  case timeWithTimeZone(microseconds: Int64, offsetSeconds: Int32)
  /// Microseconds since 1970-01-01 00:00:00 without a time zone.
  case timestamp(microseconds: Int64)
  /// Microseconds since 1970-01-01 00:00:00 UTC.
  case timestampWithTimeZone(microseconds: Int64)
  case timestampNanoseconds(Int64)
  case timestampWithTimeZoneNanoseconds(Int64)
  case interval(months: Int32, days: Int32, microseconds: Int64)
  case uuid(UInt128)
  case list([DuckDBValue])
  case `struct`([Field])
  case map([Entry])
}

extension DuckDBValue {
  package var isNull: Bool { self == .null }

  /// Any integer that fits.
  package var int64: Int64? {
    switch self {
    case .int64(let value): value
    case .uint64(let value): Int64(exactly: value)
    case .hugeint(let value): Int64(exactly: value)
    case .uhugeint(let value): Int64(exactly: value)
    default: nil
    }
  }

  package var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  package var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  package var double: Double? {
    switch self {
    case .double(let value): value
    case .float(let value): Double(value)
    case .int64(let value): Double(value)
    default: nil
    }
  }

  package var list: [DuckDBValue]? {
    if case .list(let values) = self { values } else { nil }
  }

  package var map: [Entry]? {
    if case .map(let entries) = self { entries } else { nil }
  }

  package var fields: [Field]? {
    if case .struct(let fields) = self { fields } else { nil }
  }

  /// A STRUCT's field, or a MAP's value under a string key.
  package subscript(_ name: String) -> DuckDBValue? {
    switch self {
    case .struct(let fields): fields.first { $0.name == name }?.value
    case .map(let entries): entries.first { $0.key == .string(name) }?.value
    default: nil
    }
  }
}
