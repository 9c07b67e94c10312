/// A type whose values have no inside: what DuckDB, DuckLake and Parquet all carry without loss.
///
/// Left out on purpose (`docs/decisions/0018-nested-types.md` has what was tried): HUGEINT and
/// UHUGEINT are stored as DOUBLE, INTERVAL loses its microseconds, TIMETZ its offset, TIME_NS ends
/// the DuckLake extension, BIT comes back as text, and DuckLake has no ENUM.
package enum ScalarType: Hashable, Sendable, BitwiseCopyable {
  case boolean
  case tinyint, smallint, integer, bigint
  case utinyint, usmallint, uinteger, ubigint
  case float, double
  /// `precision` decimal digits in all (1 to 38), `scale` of them behind the point.
  case decimal(precision: Int, scale: Int)
  case varchar, blob
  case date, time
  /// Without a time zone, in microseconds.
  case timestamp
  /// Without a time zone, in seconds, milliseconds and nanoseconds.
  case timestampS, timestampMS, timestampNS
  /// An instant, in microseconds.
  case timestampTZ
  case uuid, json

  package static let maxDecimalPrecision = 38
}

extension ScalarType {
  /// How DuckDB's SQL spells the type.
  package var sqlName: String {
    switch self {
    case .boolean: "BOOLEAN"
    case .tinyint: "TINYINT"
    case .smallint: "SMALLINT"
    case .integer: "INTEGER"
    case .bigint: "BIGINT"
    case .utinyint: "UTINYINT"
    case .usmallint: "USMALLINT"
    case .uinteger: "UINTEGER"
    case .ubigint: "UBIGINT"
    case .float: "FLOAT"
    case .double: "DOUBLE"
    case .decimal(let precision, let scale): "DECIMAL(\(precision),\(scale))"
    case .varchar: "VARCHAR"
    case .blob: "BLOB"
    case .date: "DATE"
    case .time: "TIME"
    case .timestamp: "TIMESTAMP"
    case .timestampS: "TIMESTAMP_S"
    case .timestampMS: "TIMESTAMP_MS"
    case .timestampNS: "TIMESTAMP_NS"
    case .timestampTZ: "TIMESTAMP WITH TIME ZONE"
    case .uuid: "UUID"
    case .json: "JSON"
    }
  }

  /// Whether DuckDB reads a column of a Parquet file that it wrote in this type by itself.
  package var isKeptByParquet: Bool {
    switch self {
    // Of JSON it depends on the version that wrote.
    case .timestampS, .timestampMS, .json: false
    default: true
    }
  }

  /// How `ducklake_column.column_type` spells the type.
  package var duckLakeName: String {
    switch self {
    case .boolean: "boolean"
    case .tinyint: "int8"
    case .smallint: "int16"
    case .integer: "int32"
    case .bigint: "int64"
    case .utinyint: "uint8"
    case .usmallint: "uint16"
    case .uinteger: "uint32"
    case .ubigint: "uint64"
    case .float: "float32"
    case .double: "float64"
    case .decimal(let precision, let scale): "decimal(\(precision),\(scale))"
    case .varchar: "varchar"
    case .blob: "blob"
    case .date: "date"
    case .time: "time"
    case .timestamp: "timestamp"
    case .timestampS: "timestamp_s"
    case .timestampMS: "timestamp_ms"
    case .timestampNS: "timestamp_ns"
    case .timestampTZ: "timestamptz"
    case .uuid: "uuid"
    case .json: "json"
    }
  }
}
