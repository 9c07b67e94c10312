import Catalog
import DuckDB
import Model

/// A Parquet file that DuckDB has just written, with what the catalog must know of it.
package struct ParquetFile: Sendable {
  package let path: String
  package let recordCount: Int64
  package let byteCount: Int64
  package let footerByteCount: Int64
  package let statistics: [ColumnStatistics]
  /// Nil when the rows may be of several partitions.
  package var partition: FilePartition?
  /// Where below the table's folder it belongs, with a trailing slash; empty for the folder itself.
  package var folder = ""

  /// The last part of `path`: the random name that it has in staging.
  package var stagedName: String { path.split(separator: "/").last.map(String.init) ?? path }

  /// How the pages of a file are compressed.
  package enum Compression: Sendable {
    case usual
    /// For a handful of rows: zstd would take a fifth of the time that such a file takes, and make
    /// it no smaller. They are compressed when the file is merged with others.
    case brief

    package static func holding(rows: Int) -> Compression { rows <= 128 ? .brief : .usual }

    fileprivate var sql: String {
      switch self {
      case .usual: "COMPRESSION zstd, COMPRESSION_LEVEL 1"
      case .brief: "COMPRESSION snappy"
      }
    }
  }

  /// Small row groups make point look-ups four times faster and files one percent larger.
  private static func format(_ compression: Compression) -> String {
    "FORMAT parquet, \(compression.sql), ROW_GROUP_SIZE 20480, RETURN_STATS"
  }

  /// Writes the rows of a query as one file.
  ///
  /// - Parameters:
  ///   - fieldIDs: each column of the query with its Parquet field id; statistics are returned for
  ///     those that `statisticsOf` names.
  /// - Throws: `DuckDBError`; the file may then be there in part.
  package static func write(
    query: String, fieldIDs: [FieldID], statisticsOf columns: Set<Int64>,
    as compression: Compression = .usual, to path: String, on connection: DuckDBConnection
  ) throws(DuckDBError) -> ParquetFile {
    let ids = fieldIDs.map(\.sql).joined(separator: ", ")
    let answer = try connection.query(
      "COPY (\(query)) TO \(SQLText.literal(path)) (\(format(compression)), FIELD_IDS {\(ids)})")
    return try file(answer, row: 0, at: path, fieldIDs: fieldIDs, statisticsOf: columns)
  }

  /// What tells in `writeParts` of which file a row is.
  package static let partColumn = "_duckmesh_part"

  /// Writes the rows of a query as one file for each value of its column `partColumn`, a whole
  /// number, in the order of the query's rows. The column itself is not in the files.
  ///
  /// - Parameter folder: is made or empty; the files are in it, without folders of their own, which
  ///   would cost as much as the files do.
  /// - Returns: the files by the value.
  /// - Throws: `DuckDBError`, also when a value has several files; files may be in the folder
  ///   then.
  package static func writeParts(
    query: String, fieldIDs: [FieldID], statisticsOf columns: Set<Int64>,
    as compression: Compression = .usual, to folder: String, on connection: DuckDBConnection
  ) throws(DuckDBError) -> [Int: ParquetFile] {
    let ids = fieldIDs.map(\.sql).joined(separator: ", ")
    let answer = try connection.query(
      "COPY (\(query)) TO \(SQLText.literal(folder))"
        + " (\(format(compression)), PARTITION_BY (\(partColumn)), HIVE_FILE_PATTERN false,"
        + " FIELD_IDS {\(ids)})")
    var files: [Int: ParquetFile] = [:]
    for row in answer.rows.indices {
      let part = answer.value("partition_keys", row: row)?[partColumn]?.string.flatMap { Int($0) }
      guard let path = answer.value("filename", row: row)?.string, let part, files[part] == nil
      else { throw DuckDBError(kind: .internal, message: "COPY returned an unknown file") }
      files[part] = try file(
        answer, row: row, at: path, fieldIDs: fieldIDs, statisticsOf: columns)
    }
    return files
  }

  /// What COPY tells of a file that it has written.
  private static func file(
    _ answer: DuckDBTable, row: Int, at path: String, fieldIDs: [FieldID],
    statisticsOf columns: Set<Int64>
  ) throws(DuckDBError) -> ParquetFile {
    guard let count = answer.value("count", row: row)?.int64,
      let bytes = answer.value("file_size_bytes", row: row)?.int64,
      let footer = answer.value("footer_size_bytes", row: row)?.int64
    else { throw DuckDBError(kind: .internal, message: "COPY returned no statistics") }
    let entries = answer.value("column_statistics", row: row)
    let statistics = fieldIDs.filter { columns.contains($0.id) }.compactMap { column in
      entries?[SQLText.identifier(column.name)].flatMap {
        Self.statistics($0, columnID: column.id, recordCount: count)
      }
    }
    return ParquetFile(
      path: path, recordCount: count, byteCount: bytes, footerByteCount: footer,
      statistics: statistics)
  }

  func moved(to path: String) -> ParquetFile {
    ParquetFile(
      path: path, recordCount: recordCount, byteCount: byteCount,
      footerByteCount: footerByteCount, statistics: statistics, partition: partition,
      folder: folder)
  }

  /// Writes a delete file of DuckLake: the deleted positions of one data file, ascending.
  ///
  /// - Parameters:
  ///   - dataPath: of the data file, on this machine.
  ///   - positions: a query of one column `pos`, each position once.
  /// - Throws: `DuckDBError`; the file may then be there in part.
  package static func writeDeletes(
    of dataPath: String, positions: String, to path: String, on connection: DuckDBConnection
  ) throws(DuckDBError) -> ParquetFile {
    try write(
      query:
        "SELECT \(SQLText.literal(dataPath)) AS file_path, pos FROM (\(positions)) ORDER BY pos",
      fieldIDs: [FieldID("file_path", 2_147_483_646), FieldID("pos", 2_147_483_645)],
      statisticsOf: [],
      to: path, on: connection)
  }

  /// - Returns: nil where DuckDB's numbers cannot be used: no size, as of a nested column, or not
  ///   counted over all rows.
  private static func statistics(
    _ entry: DuckDBValue, columnID: Int64, recordCount: Int64
  ) -> ColumnStatistics? {
    guard let size = entry["column_size_bytes"]?.string.flatMap(Int64.init),
      let values = entry["num_values"]?.string.flatMap(Int64.init), values == recordCount
    else { return nil }
    let nulls = entry["null_count"]?.string.flatMap(Int64.init)
    return ColumnStatistics(
      columnID: columnID, byteCount: size, valueCount: values - (nulls ?? 0), nullCount: nulls,
      minimum: storable(entry["min"]?.string), maximum: storable(entry["max"]?.string),
      containsNaN: entry["has_nan"]?.string.map { $0 == "true" })
  }

  /// Catalog databases hold no NUL in a text: such a bound is left out, which prunes nothing.
  private static func storable(_ bound: String?) -> String? {
    guard let bound, !bound.utf8.contains(0) else { return nil }
    return bound
  }
}
