internal import CDuckDB

extension DuckDBValue {
  /// A new C value; the caller destroys it.
  ///
  /// - Throws: `.parameter` for a list whose elements have no common type, an empty struct, a
  ///   doubled, empty or NUL-bearing field name, and for MAP, BIGNUM and BIT.
  func makeCValue() throws(DuckDBError) -> duckdb_value? {
    switch self {
    case .null: return duckdb_create_null_value()
    case .bool(let value): return duckdb_create_bool(value)
    case .int64(let value): return duckdb_create_int64(value)
    case .uint64(let value): return duckdb_create_uint64(value)
    case .hugeint(let value): return duckdb_create_hugeint(duckdb_hugeint(value))
    case .uhugeint(let value): return duckdb_create_uhugeint(duckdb_uhugeint(value))
    case .float(let value): return duckdb_create_float(value)
    case .double(let value): return duckdb_create_double(value)
    case .decimal(let unscaled, let width, let scale):
      return duckdb_create_decimal(
        duckdb_decimal(
          width: UInt8(clamping: width), scale: UInt8(clamping: scale),
          value: duckdb_hugeint(unscaled)))
    case .string(let value): return Self.makeText(value)
    case .blob(let bytes): return duckdb_create_blob(bytes, idx_t(bytes.count))
    case .date(let days): return duckdb_create_date(duckdb_date(days: days))
    case .time(let microseconds): return duckdb_create_time(duckdb_time(micros: microseconds))
    case .timeNanoseconds(let value): return duckdb_create_time_ns(duckdb_time_ns(nanos: value))
    case .timeWithTimeZone(let microseconds, let offsetSeconds):
      return duckdb_create_time_tz_value(duckdb_create_time_tz(microseconds, offsetSeconds))
    case .timestamp(let value): return duckdb_create_timestamp(duckdb_timestamp(micros: value))
    case .timestampWithTimeZone(let value):
      return duckdb_create_timestamp_tz(duckdb_timestamp(micros: value))
    case .timestampNanoseconds(let value):
      return duckdb_create_timestamp_ns(duckdb_timestamp_ns(nanos: value))
    case .timestampWithTimeZoneNanoseconds(let value):
      return duckdb_create_timestamp_tz_ns(duckdb_timestamp_ns(nanos: value))
    case .interval(let months, let days, let microseconds):
      return duckdb_create_interval(
        duckdb_interval(months: months, days: days, micros: microseconds))
    case .uuid(let value): return duckdb_create_uuid(duckdb_uhugeint(value))
    case .list(let elements): return try Self.makeList(elements)
    case .struct(let fields): return try Self.makeStruct(fields)
    case .map, .bignum, .bit: throw Self.unfit("a value of this type cannot be a parameter")
    }
  }

  /// The type under which this value is bound.
  func boundType() throws(DuckDBError) -> DuckDBType {
    switch self {
    case .null: return .null
    case .bool: return .boolean
    case .int64: return .bigint
    case .uint64: return .ubigint
    case .hugeint: return .hugeint
    case .uhugeint: return .uhugeint
    case .float: return .float
    case .double: return .double
    case .decimal(_, let width, let scale): return .decimal(width: width, scale: scale)
    case .string: return .varchar
    case .blob: return .blob
    case .date: return .date
    case .time: return .time
    case .timeNanoseconds: return .timeNanoseconds
    case .timeWithTimeZone: return .timeWithTimeZone
    case .timestamp: return .timestamp
    case .timestampWithTimeZone: return .timestampWithTimeZone
    case .timestampNanoseconds: return .timestampNanoseconds
    case .timestampWithTimeZoneNanoseconds: return .timestampWithTimeZoneNanoseconds
    case .interval: return .interval
    case .uuid: return .uuid
    case .list(let elements): return .list(try Self.commonType(of: elements))
    case .struct(let fields):
      var types: [DuckDBType.Field] = []
      for field in fields {
        types.append(DuckDBType.Field(name: field.name, type: try field.value.boundType()))
      }
      return .struct(types)
    case .map, .bignum, .bit: throw Self.unfit("a value of this type cannot be a parameter")
    }
  }

  private static func makeText(_ text: String) -> duckdb_value? {
    var text = text
    return text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters in
        // The buffer of an empty string may have no address.
        characters.isEmpty
          ? duckdb_create_varchar_length("", 0)
          : duckdb_create_varchar_length(characters.baseAddress, idx_t(characters.count))
      }
    }
  }

  private static func makeList(_ elements: [DuckDBValue]) throws(DuckDBError) -> duckdb_value? {
    var elementType = try commonType(of: elements).makeLogicalType()
    defer { duckdb_destroy_logical_type(&elementType) }
    var values = try makeAll(elements)
    defer { for index in values.indices { duckdb_destroy_value(&values[index]) } }
    return duckdb_create_list_value(elementType, &values, idx_t(values.count))
  }

  private static func makeStruct(_ fields: [Field]) throws(DuckDBError) -> duckdb_value? {
    guard !fields.isEmpty else { throw unfit("an empty object cannot be a parameter") }
    guard !fields.contains(where: { $0.name.utf8.contains(0) || $0.name.isEmpty }) else {
      throw unfit("a field's name is empty or holds a NUL character")
    }
    guard Set(fields.map { $0.name.lowercased() }).count == fields.count else {
      throw unfit("two fields of an object have the same name (names ignore case)")
    }
    var structType = try DuckDBValue.struct(fields).boundType().makeLogicalType()
    defer { duckdb_destroy_logical_type(&structType) }
    var values = try makeAll(fields.map(\.value))
    defer { for index in values.indices { duckdb_destroy_value(&values[index]) } }
    return duckdb_create_struct_value(structType, &values)
  }

  private static func makeAll(
    _ values: [DuckDBValue]
  ) throws(DuckDBError) -> [duckdb_value?] {
    var created: [duckdb_value?] = []
    do {
      for value in values { created.append(try value.makeCValue()) }
    } catch {
      for index in created.indices { duckdb_destroy_value(&created[index]) }
      throw error
    }
    return created
  }

  static func unfit(_ message: String) -> DuckDBError {
    DuckDBError(kind: .parameter, message: message)
  }
}

extension DuckDBValue {
  /// The type all elements of a list can be cast to without loss: NULL takes any type, integers
  /// widen, an integer beside a fraction becomes DOUBLE.
  static func commonType(of elements: [DuckDBValue]) throws(DuckDBError) -> DuckDBType {
    var common = DuckDBType.null
    for element in elements { common = try unify(common, try element.boundType()) }
    return common
  }

  private static func unify(
    _ left: DuckDBType, _ right: DuckDBType
  ) throws(DuckDBError) -> DuckDBType {
    if left == right || right == .null { return left }
    if left == .null { return right }
    if let leftRank = integerRank(left), let rightRank = integerRank(right) {
      return leftRank >= 2 || rightRank >= 2 ? (leftRank > rightRank ? left : right) : .hugeint
    }
    if integerRank(left) != nil && right == .double { return .double }
    if left == .double && integerRank(right) != nil { return .double }
    switch (left, right) {
    case (.list(let left), .list(let right)): return .list(try unify(left, right))
    case (.struct(let left), .struct(let right)) where left.map(\.name) == right.map(\.name):
      var fields: [DuckDBType.Field] = []
      for (one, other) in zip(left, right) {
        fields.append(DuckDBType.Field(name: one.name, type: try unify(one.type, other.type)))
      }
      return .struct(fields)
    default: throw unfit("the elements of a list are \(left) and \(right)")
    }
  }

  private static func integerRank(_ type: DuckDBType) -> Int? {
    switch type {
    case .bigint: 0
    case .ubigint: 1
    case .hugeint: 2
    case .uhugeint: 3
    default: nil
    }
  }
}

extension duckdb_hugeint {
  init(_ value: Int128) {
    self.init(
      lower: UInt64(truncatingIfNeeded: value), upper: Int64(truncatingIfNeeded: value >> 64))
  }
}

extension duckdb_uhugeint {
  init(_ value: UInt128) {
    self.init(
      lower: UInt64(truncatingIfNeeded: value), upper: UInt64(truncatingIfNeeded: value >> 64))
  }
}
