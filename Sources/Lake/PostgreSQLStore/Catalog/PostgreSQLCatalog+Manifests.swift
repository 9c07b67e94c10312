import Catalog
import LakeTables
import Model
import PostgreSQL

extension PostgreSQLCatalog {
  package func manifests(
    tenant: TenantID, names: [String]?, at snapshot: SnapshotID
  ) async throws(CatalogError) -> [TableManifest] {
    let rows = try await call(
      names == nil ? Self.allTables : Self.namedTables,
      [.int64(tenant.rawValue), .int64(snapshot.rawValue)] + (names.map { [.texts($0)] } ?? []))
    guard rows.count > 0 else { throw .snapshotNotFound }
    var manifests: [TableManifest] = []
    // One row without a table says that the snapshot is there and shows none.
    for row in 0..<rows.count where !rows.isNull(row, 0) {
      let table = try TableRows.record(rows, row)
      let files =
        names == nil
        ? [] : FileRows.records(rows, row, from: TableRows.columnCount, folder: table.folder)
      manifests.append(TableManifest(table: table, snapshot: snapshot, files: files))
    }
    return manifests
  }

  /// Snapshot, tables, columns, files and deletes are read by one statement: a snapshot that
  /// expires meanwhile is either there with all its files or gone.
  private static func manifestSelection(_ tables: String) -> String {
    """
    SELECT shown.* FROM ducklake_snapshot LEFT JOIN LATERAL (
      \(tables)
      ORDER BY lower(t.table_name)) shown ON TRUE
    WHERE snapshot_id = $2
    """
  }

  private static let shownTables = """
    WHERE t.tenant_id = $1 AND \(TableHistorySQL.isShown(at: "$2"))
    """

  private static let allTables = manifestSelection(TableRows.selection(at: "$2") + shownTables)

  /// A data file's delete files follow one another, so the newest is the only one that can stand
  /// over it at the snapshot; there may be thousands before it.
  ///
  /// The names are one array, made first: a join with them may come last, after the files of all
  /// the tenant's tables have been read.
  private static let namedTables = manifestSelection(
    TableRows.selection(
      at: "$2", more: "files.*",
      joins: """
        CROSS JOIN LATERAL (
          SELECT \(FileRows.arrays) FROM (
            SELECT \(FileRows.columns) FROM ducklake_data_file f
            LEFT JOIN LATERAL (
              SELECT * FROM ducklake_delete_file c
              WHERE c.data_file_id = f.data_file_id AND c.begin_snapshot <= $2
              ORDER BY c.begin_snapshot DESC LIMIT 1) d
              ON d.end_snapshot IS NULL OR d.end_snapshot > $2
            WHERE f.table_id = t.table_id AND f.begin_snapshot <= $2
              AND (f.end_snapshot IS NULL OR f.end_snapshot > $2)
            ORDER BY f.data_file_id) s) files

        """) + shownTables + """
         AND lower(t.table_name) = ANY (
            ARRAY(SELECT lower(asked COLLATE "C") FROM unnest($3) AS asked))
        """)
}
