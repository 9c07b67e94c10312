import Catalog
import Model
import SQLite

extension SQLiteCatalog {
  package func lookupFiles(
    of table: TableID, columns: [Int64]
  ) async throws(CatalogError) -> [LookupFile] {
    try await read { (connection) throws(SQLiteError) in
      guard let folder = try Self.folder(of: table, connection) else { return [] }
      let statistics = try Self.statistics(of: table, columns: columns, at: nil, connection)
      let row = try connection.prepare(
        Self.fileSelection + """
           LEFT JOIN ducklake_delete_file d
            ON d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL
          WHERE f.table_id = ?1 AND f.end_snapshot IS NULL ORDER BY f.data_file_id
          """
      ).bind(table.rawValue, at: 1)
      var files: [LookupFile] = []
      while try row.step() {
        let file = Self.file(row, folder: folder)
        files.append(LookupFile(file: file, statistics: statistics[file.id] ?? []))
      }
      return files
    }
  }

  package func fileStatistics(
    of table: TableID, columns: [Int64], at snapshot: SnapshotID
  ) async throws(CatalogError) -> [Int64: [ColumnStatistics]] {
    try await read { (connection) throws(SQLiteError) in
      try Self.statistics(of: table, columns: columns, at: snapshot, connection)
    }
  }

  /// - Parameter snapshot: nil for the live files.
  private static func statistics(
    of table: TableID, columns: [Int64], at snapshot: SnapshotID?,
    _ connection: SQLiteConnection
  ) throws(SQLiteError) -> [Int64: [ColumnStatistics]] {
    let isShown =
      snapshot == nil
      ? "f.end_snapshot IS NULL"
      : "f.begin_snapshot <= ?2 AND (f.end_snapshot IS NULL OR f.end_snapshot > ?2)"
    // Numbers only: a list of them is safe to write into the text.
    let row = try connection.prepare(
      """
      SELECT s.data_file_id, s.column_id, s.column_size_bytes, s.value_count, s.null_count,
        s.min_value, s.max_value, s.contains_nan
      FROM ducklake_data_file f JOIN ducklake_file_column_stats s USING (data_file_id)
      WHERE f.table_id = ?1 AND \(isShown)
        AND s.column_id IN (\(columns.map(String.init).joined(separator: ",")))
      ORDER BY s.data_file_id, s.column_id
      """
    ).bind(table.rawValue, at: 1)
    if let snapshot { try row.bind(snapshot.rawValue, at: 2) }
    var statistics: [Int64: [ColumnStatistics]] = [:]
    while try row.step() {
      statistics[row.int64(0), default: []].append(
        ColumnStatistics(
          columnID: row.int64(1), byteCount: row.int64(2), valueCount: row.int64(3),
          nullCount: row.optionalInt64(4), minimum: row.optionalText(5),
          maximum: row.optionalText(6), containsNaN: row.optionalInt64(7).map { $0 != 0 }))
    }
    return statistics
  }

  package func rewriteCandidates(
    above: Double, limit: Int
  ) async throws(CatalogError) -> [TableID] {
    // In thousandths: the share is compared in whole numbers, as it is in every database.
    let share = Int64((above * 1_000).rounded())
    return try await read { (connection) throws(SQLiteError) in
      let row = try connection.statement(
        """
        SELECT f.table_id FROM ducklake_delete_file d JOIN ducklake_data_file f USING (data_file_id)
        JOIN duckmesh_table t ON t.table_id = f.table_id
        WHERE d.end_snapshot IS NULL AND f.end_snapshot IS NULL
          AND d.delete_count * 1000 > f.record_count * ?1
        GROUP BY f.table_id ORDER BY sum(d.delete_count) DESC, f.table_id LIMIT ?2
        """
      ).bind(share, at: 1).bind(Int64(limit), at: 2)
      var tables: [TableID] = []
      while try row.step() { tables.append(TableID(row.int64(0))) }
      return tables
    }
  }
}
