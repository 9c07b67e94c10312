import Catalog
import LakeTables
import Model
import SQLite

extension SQLiteCatalog {
  package func manifests(
    tenant: TenantID, names: [String]?, at snapshot: SnapshotID
  ) async throws(CatalogError) -> [TableManifest] {
    let found = try await read { (connection) throws(SQLiteError) -> [TableManifest]? in
      guard try Self.exists(snapshot, connection) else { return nil }
      var manifests: [TableManifest] = []
      for record in try Self.tables(named: names, tenant: tenant, at: snapshot, connection) {
        let files = try names == nil ? [] : Self.files(of: record, at: snapshot, connection)
        manifests.append(TableManifest(table: record, snapshot: snapshot, files: files))
      }
      return manifests
    }
    guard let found else { throw .snapshotNotFound }
    return found
  }

  static func exists(
    _ snapshot: SnapshotID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> Bool {
    let row = try connection.statement("SELECT 1 FROM ducklake_snapshot WHERE snapshot_id = ?")
      .bind(snapshot.rawValue, at: 1)
    defer { row.reset() }
    return try row.step()
  }

  private static func tables(
    named names: [String]?, tenant: TenantID, at snapshot: SnapshotID,
    _ connection: SQLiteConnection
  ) throws(SQLiteError) -> [TableRecord] {
    let places = names.map { $0.map { _ in "lower(?)" }.joined(separator: ", ") }
    let filter = places.map { "AND lower(t.table_name) IN (\($0))" } ?? ""
    let row = try connection.prepare(
      TableRows.selection + """
         WHERE t.tenant_id = ?1 AND \(TableHistorySQL.isShown(at: "?2")) \(filter)
        ORDER BY lower(t.table_name)
        """
    ).bind(tenant.rawValue, at: 1).bind(snapshot.rawValue, at: 2)
    for (index, name) in (names ?? []).enumerated() { try row.bind(name, at: Int32(index + 3)) }
    var tables: [TableRecord] = []
    while try row.step() { tables.append(try TableRows.record(row, at: snapshot, connection)) }
    return tables
  }

  static let fileColumns = """
    f.data_file_id, f.path, f.record_count, f.file_size_bytes, f.begin_snapshot,
      f.row_id_start, f.partial_max, d.path, d.delete_count, d.partial_max, d.delete_file_id,
      f.partition_id, \(FilePartitionRows.text)
    """
  static let fileSelection = "SELECT \(fileColumns) FROM ducklake_data_file f"

  /// The file of the row that `row` stands on, which was selected by `fileSelection`.
  static func file(_ row: SQLiteStatement, folder: String) -> DataFileRecord {
    DataFileRecord(
      id: row.int64(0), path: folder + row.text(1), recordCount: row.int64(2),
      byteCount: row.int64(3), begin: SnapshotID(row.int64(4)), rowIDStart: row.optionalInt64(5),
      partialMaximum: row.optionalInt64(6).map(SnapshotID.init),
      deletes: row.optionalText(7).map { path in
        DeleteFileRecord(
          id: row.int64(10), path: folder + path, deleteCount: row.int64(8),
          partialMaximum: row.optionalInt64(9).map(SnapshotID.init))
      },
      partition: FilePartitionRows.partition(
        id: row.optionalInt64(11), text: row.optionalText(12)))
  }

  /// A data file's delete files follow one another, so the newest is the only one that can stand
  /// over it at the snapshot; there may be thousands before it.
  private static func files(
    of table: TableRecord, at snapshot: SnapshotID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> [DataFileRecord] {
    let row = try connection.prepare(
      fileSelection + """
         LEFT JOIN ducklake_delete_file d ON d.delete_file_id = (
            SELECT c.delete_file_id FROM ducklake_delete_file c
            WHERE c.data_file_id = f.data_file_id AND c.begin_snapshot <= ?2
            ORDER BY c.begin_snapshot DESC LIMIT 1)
          AND (d.end_snapshot IS NULL OR d.end_snapshot > ?2)
        WHERE f.table_id = ?1 AND f.begin_snapshot <= ?2
          AND (f.end_snapshot IS NULL OR f.end_snapshot > ?2)
        ORDER BY f.data_file_id
        """
    ).bind(table.id.rawValue, at: 1).bind(snapshot.rawValue, at: 2)
    var files: [DataFileRecord] = []
    while try row.step() { files.append(file(row, folder: table.folder)) }
    return files
  }
}
