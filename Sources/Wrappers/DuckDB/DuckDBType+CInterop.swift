internal import CDuckDB

extension DuckDBType {
  /// Reads a C logical type, which stays the caller's.
  init(_ logicalType: duckdb_logical_type?) {
    guard let logicalType else {
      self = .unknown(0)
      return
    }
    let number = duckdb_get_type_id(logicalType)
    if let scalar = Self.scalars.first(where: { $0.number == number }) {
      self = scalar.type
    } else {
      self = Self.parameterised(logicalType, number)
    }
    if self == .varchar, Self.takeString(duckdb_logical_type_get_alias(logicalType)) == "JSON" {
      self = .json
    }
  }

  private static func parameterised(
    _ logicalType: duckdb_logical_type, _ number: duckdb_type
  ) -> DuckDBType {
    switch number {
    case DUCKDB_TYPE_DECIMAL:
      return .decimal(
        width: Int(duckdb_decimal_width(logicalType)), scale: Int(duckdb_decimal_scale(logicalType))
      )
    case DUCKDB_TYPE_ENUM:
      return .enum(
        (0..<idx_t(duckdb_enum_dictionary_size(logicalType))).map {
          takeString(duckdb_enum_dictionary_value(logicalType, $0))
        })
    case DUCKDB_TYPE_LIST: return .list(taking(duckdb_list_type_child_type(logicalType)))
    case DUCKDB_TYPE_ARRAY:
      return .array(
        taking(duckdb_array_type_child_type(logicalType)),
        size: Int(duckdb_array_type_array_size(logicalType)))
    case DUCKDB_TYPE_MAP:
      return .map(
        key: taking(duckdb_map_type_key_type(logicalType)),
        value: taking(duckdb_map_type_value_type(logicalType)))
    case DUCKDB_TYPE_STRUCT: return structure(logicalType)
    case DUCKDB_TYPE_UNION:
      return .union(
        (0..<duckdb_union_type_member_count(logicalType)).map {
          Field(
            name: takeString(duckdb_union_type_member_name(logicalType, $0)),
            type: taking(duckdb_union_type_member_type(logicalType, $0)))
        })
    default: return .unknown(UInt32(number.rawValue))
    }
  }

  /// A TUPLE is a STRUCT whose fields have no names.
  private static func structure(_ logicalType: duckdb_logical_type) -> DuckDBType {
    let fields = (0..<duckdb_struct_type_child_count(logicalType)).map {
      Field(
        name: takeString(duckdb_struct_type_child_name(logicalType, $0)),
        type: taking(duckdb_struct_type_child_type(logicalType, $0)))
    }
    let isTuple = !fields.isEmpty && fields.allSatisfy { $0.name.isEmpty }
    return isTuple ? .tuple(fields.map(\.type)) : .struct(fields)
  }

  /// A new C logical type; the caller destroys it. Only types that parameters can have.
  func makeLogicalType() -> duckdb_logical_type? {
    switch self {
    case .decimal(let width, let scale):
      return duckdb_create_decimal_type(UInt8(width), UInt8(scale))
    case .list(let element):
      var child = element.makeLogicalType()
      defer { duckdb_destroy_logical_type(&child) }
      return duckdb_create_list_type(child)
    case .struct(let fields):
      var types = fields.map { $0.type.makeLogicalType() }
      let names = fields.map { CString($0.name) }
      defer { for index in types.indices { duckdb_destroy_logical_type(&types[index]) } }
      var pointers: [UnsafePointer<CChar>?] = names.map { UnsafePointer($0.pointer) }
      return withExtendedLifetime(names) {
        duckdb_create_struct_type(&types, &pointers, idx_t(fields.count))
      }
    case .json: return duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR)
    default:
      guard let scalar = Self.scalars.first(where: { $0.type == self }) else { return nil }
      return duckdb_create_logical_type(scalar.number)
    }
  }

  private static func taking(_ logicalType: duckdb_logical_type?) -> DuckDBType {
    var owned = logicalType
    defer { duckdb_destroy_logical_type(&owned) }
    return DuckDBType(owned)
  }

  private static func takeString(_ string: UnsafeMutablePointer<CChar>?) -> String {
    guard let string else { return "" }
    defer { duckdb_free(string) }
    return String(cString: string)
  }

  private static let scalars: [(number: duckdb_type, type: DuckDBType)] = [
    (DUCKDB_TYPE_BOOLEAN, .boolean),
    (DUCKDB_TYPE_TINYINT, .tinyint), (DUCKDB_TYPE_SMALLINT, .smallint),
    (DUCKDB_TYPE_INTEGER, .integer), (DUCKDB_TYPE_BIGINT, .bigint),
    (DUCKDB_TYPE_HUGEINT, .hugeint),
    (DUCKDB_TYPE_UTINYINT, .utinyint), (DUCKDB_TYPE_USMALLINT, .usmallint),
    (DUCKDB_TYPE_UINTEGER, .uinteger), (DUCKDB_TYPE_UBIGINT, .ubigint),
    (DUCKDB_TYPE_UHUGEINT, .uhugeint),
    (DUCKDB_TYPE_FLOAT, .float), (DUCKDB_TYPE_DOUBLE, .double), (DUCKDB_TYPE_BIGNUM, .bignum),
    (DUCKDB_TYPE_VARCHAR, .varchar), (DUCKDB_TYPE_BLOB, .blob), (DUCKDB_TYPE_BIT, .bit),
    (DUCKDB_TYPE_UUID, .uuid), (DUCKDB_TYPE_GEOMETRY, .geometry),
    (DUCKDB_TYPE_DATE, .date), (DUCKDB_TYPE_TIME, .time), (DUCKDB_TYPE_TIME_NS, .timeNanoseconds),
    (DUCKDB_TYPE_TIME_TZ, .timeWithTimeZone),
    (DUCKDB_TYPE_TIMESTAMP, .timestamp), (DUCKDB_TYPE_TIMESTAMP_S, .timestampSeconds),
    (DUCKDB_TYPE_TIMESTAMP_MS, .timestampMilliseconds),
    (DUCKDB_TYPE_TIMESTAMP_NS, .timestampNanoseconds),
    (DUCKDB_TYPE_TIMESTAMP_TZ, .timestampWithTimeZone),
    (DUCKDB_TYPE_TIMESTAMP_TZ_NS, .timestampWithTimeZoneNanoseconds),
    (DUCKDB_TYPE_INTERVAL, .interval), (DUCKDB_TYPE_VARIANT, .variant),
    (DUCKDB_TYPE_SQLNULL, .null),
  ]
}

/// A NUL-terminated copy of a string for arrays of C strings.
final class CString {
  let pointer: UnsafeMutablePointer<CChar>

  init(_ text: String) {
    let bytes = Array(text.utf8CString)
    pointer = .allocate(capacity: bytes.count)
    pointer.initialize(from: bytes, count: bytes.count)
  }

  deinit { pointer.deallocate() }
}
