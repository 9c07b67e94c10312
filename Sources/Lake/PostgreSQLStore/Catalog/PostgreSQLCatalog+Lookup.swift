import Catalog
import LakeTables
import Model
import PostgreSQL

extension PostgreSQLCatalog {
  package func lookupFiles(
    of table: TableID, columns: [Int64]
  ) async throws(CatalogError) -> [LookupFile] {
    let rows = try await call(Self.lookupSelection, [.int64(table.rawValue), .int64s(columns)])
    return (0..<rows.count).map { row in
      let folder = Folders.table(schema: rows.int64(row, 0), table: table.rawValue)
      return LookupFile(
        file: FileRows.record(rows, row, from: 8, folder: folder),
        statistics: Self.statistics(rows, row, from: 1))
    }
  }

  package func fileStatistics(
    of table: TableID, columns: [Int64], at snapshot: SnapshotID
  ) async throws(CatalogError) -> [Int64: [ColumnStatistics]] {
    let rows = try await call(
      """
      SELECT f.data_file_id, known.* FROM ducklake_data_file f \(Self.knownColumns)
      WHERE f.table_id = $1 AND f.begin_snapshot <= $3
        AND (f.end_snapshot IS NULL OR f.end_snapshot > $3)
      """, [.int64(table.rawValue), .int64s(columns), .int64(snapshot.rawValue)])
    var statistics: [Int64: [ColumnStatistics]] = [:]
    for row in 0..<rows.count {
      statistics[rows.int64(row, 0)] = Self.statistics(rows, row, from: 1)
    }
    return statistics
  }

  /// What is known of the columns $2 of the file `f`.
  private static let knownColumns = """
    CROSS JOIN LATERAL (
      SELECT coalesce(array_agg(s.column_id), '{}') AS column_ids,
        coalesce(array_agg(coalesce(s.column_size_bytes, 0)), '{}') AS sizes,
        coalesce(array_agg(s.value_count), '{}') AS value_counts,
        coalesce(array_agg(s.null_count), '{}') AS null_counts,
        coalesce(array_agg(s.min_value::TEXT), '{}') AS minima,
        coalesce(array_agg(s.max_value::TEXT), '{}') AS maxima,
        coalesce(array_agg(s.contains_nan::INTEGER::BIGINT), '{}') AS nan_flags
      FROM (
        SELECT * FROM ducklake_file_column_stats k
        WHERE k.data_file_id = f.data_file_id AND k.column_id = ANY ($2)
        ORDER BY k.column_id) s) known
    """

  /// Files, deletes and statistics in one statement: the live set of one moment.
  private static let lookupSelection = """
    SELECT n.schema_id, known.column_ids, known.sizes, known.value_counts, known.null_counts,
      known.minima, known.maxima, known.nan_flags, \(FileRows.columns)
    FROM duckmesh_table t JOIN duckmesh_tenant n USING (tenant_id)
    JOIN ducklake_data_file f ON f.table_id = t.table_id AND f.end_snapshot IS NULL
    LEFT JOIN ducklake_delete_file d ON d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL
    \(knownColumns)
    WHERE t.table_id = $1 ORDER BY f.data_file_id
    """

  private static func statistics(
    _ rows: PostgreSQLRows, _ row: Int, from first: Int
  ) -> [ColumnStatistics] {
    let (ids, sizes) = (rows.int64s(row, first), rows.int64s(row, first + 1))
    let (values, nulls) = (
      rows.optionalInt64s(row, first + 2), rows.optionalInt64s(row, first + 3)
    )
    let (minima, maxima) = (rows.optionalTexts(row, first + 4), rows.optionalTexts(row, first + 5))
    let flags = rows.optionalInt64s(row, first + 6)
    return ids.indices.map { index in
      ColumnStatistics(
        columnID: ids[index], byteCount: sizes[index], valueCount: values[index] ?? 0,
        nullCount: nulls[index], minimum: minima[index], maximum: maxima[index],
        containsNaN: flags[index].map { $0 != 0 })
    }
  }

  package func rewriteCandidates(
    above: Double, limit: Int
  ) async throws(CatalogError) -> [TableID] {
    // In thousandths: the share is compared in whole numbers, as it is in every database.
    let share = Int64((above * 1_000).rounded())
    let rows = try await maintain(
      """
      SELECT f.table_id FROM ducklake_delete_file d JOIN ducklake_data_file f USING (data_file_id)
      JOIN duckmesh_table t ON t.table_id = f.table_id
      WHERE d.end_snapshot IS NULL AND f.end_snapshot IS NULL
        AND d.delete_count * 1000 > f.record_count * $1
      GROUP BY f.table_id ORDER BY sum(d.delete_count) DESC, f.table_id LIMIT $2
      """,
      [.int64(share), .int64(Int64(limit))])
    return (0..<rows.count).map { TableID(rows.int64($0, 0)) }
  }
}
