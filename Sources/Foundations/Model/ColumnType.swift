/// The type of a column: what DuckDB, DuckLake and Parquet all carry without loss.
///
/// Left out on purpose: HUGEINT and UHUGEINT (DuckDB's Parquet writer stores them as DOUBLE),
/// INTERVAL (Parquet has milliseconds only), TIMETZ, BIT, ENUM and the timestamps of other
/// precisions. LIST, STRUCT and MAP belong here as cases with types of their own once a nested
/// value can be ingested.
package enum ColumnType: Hashable, Sendable {
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
  /// An instant, in microseconds.
  case timestampTZ
  case uuid, json

  package static let maxDecimalPrecision = 38
}

extension ColumnType {
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
    case .timestampTZ: "TIMESTAMP WITH TIME ZONE"
    case .uuid: "UUID"
    case .json: "JSON"
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
    case .timestampTZ: "timestamptz"
    case .uuid: "uuid"
    case .json: "json"
    }
  }
}
