import Catalog
import LakeTables
import Model
import PostgreSQL

extension PostgreSQLCatalog {
  /// Files that one call of expiry schedules at most, of each kind: the lake's head is locked while
  /// it does.
  private static let filesPerExpiry: Int64 = 10_000

  package func mergeCandidates(
    above: Int, limit: Int
  ) async throws(CatalogError) -> [MergeCandidate] {
    let rows = try await maintain(
      """
      SELECT table_id, count(*) AS files FROM ducklake_data_file WHERE end_snapshot IS NULL
      GROUP BY table_id HAVING count(*) > $1 ORDER BY files DESC, table_id LIMIT $2
      """,
      [.int64(Int64(above)), .int64(Int64(limit))])
    return (0..<rows.count).map { row in
      MergeCandidate(table: TableID(rows.int64(row, 0)), liveFiles: Int(rows.int64(row, 1)))
    }
  }

  package func fileCounts() async throws(CatalogError) -> FileCounts {
    let rows = try await call(
      """
      SELECT NULL::TEXT, count(*) FROM ducklake_files_scheduled_for_deletion
      UNION ALL
      SELECT n.tenant_name, max(f.files) FROM (
        SELECT table_id, count(*) AS files FROM ducklake_data_file WHERE end_snapshot IS NULL
        GROUP BY table_id) f
      JOIN duckmesh_table t USING (table_id) JOIN duckmesh_tenant n USING (tenant_id)
      GROUP BY n.tenant_name
      """)
    var most: [String: Int] = [:]
    var waiting = 0
    for row in 0..<rows.count {
      let count = Int(rows.int64(row, 1))
      if let name = rows.optionalText(row, 0) { most[name] = count } else { waiting = count }
    }
    return FileCounts(mostLiveFiles: most, awaitingDeletion: waiting)
  }

  package func liveFiles(
    of table: TableID
  ) async throws(CatalogError) -> [(file: DataFileRecord, schemaVersion: Int64)] {
    let rows = try await maintain(
      """
      SELECT n.schema_id,
        (SELECT v.schema_version FROM ducklake_schema_versions v
          WHERE v.table_id = f.table_id AND v.begin_snapshot <= f.begin_snapshot
          ORDER BY v.begin_snapshot DESC LIMIT 1),
        \(FileRows.columns)
      FROM duckmesh_table t JOIN duckmesh_tenant n USING (tenant_id)
      JOIN ducklake_data_file f ON f.table_id = t.table_id AND f.end_snapshot IS NULL
      LEFT JOIN ducklake_delete_file d
        ON d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL
      WHERE t.table_id = $1
      ORDER BY coalesce(f.row_id_start, f.begin_snapshot), f.data_file_id
      """,
      [.int64(table.rawValue)])
    var files: [(file: DataFileRecord, schemaVersion: Int64)] = []
    for row in 0..<rows.count {
      guard let version = rows.optionalInt64(row, 1) else {
        throw .damaged(reason: "a file older than its table's schema")
      }
      let folder = Folders.table(schema: rows.int64(row, 0), table: table.rawValue)
      files.append((FileRows.record(rows, row, from: 2, folder: folder), version))
    }
    return files
  }

  package func snapshotStubs(
    after id: SnapshotID?, limit: Int
  ) async throws(CatalogError) -> [SnapshotStub] {
    let rows = try await maintain(
      """
      SELECT snapshot_id, \(SQLFunction.microseconds.name)(snapshot_time) FROM ducklake_snapshot
      WHERE snapshot_id > $1 ORDER BY snapshot_id LIMIT $2
      """,
      [.int64(id?.rawValue ?? -1), .int64(Int64(limit))])
    return (0..<rows.count).map { row in
      SnapshotStub(
        id: SnapshotID(rows.int64(row, 0)), time: Timestamp(microseconds: rows.int64(row, 1)))
    }
  }

  package func expireSnapshots(_ ids: [SnapshotID]) async throws(CatalogError) -> Int {
    let rows = try await maintain(
      "SELECT \(SQLFunction.expireSnapshots.name)($1, $2, $3)",
      [.int64s(ids.map(\.rawValue)), .int64(Self.filesPerExpiry), database.wallOverride])
    return Int(rows.int64(0, 0))
  }

  package func scheduledFiles(
    before: Timestamp, limit: Int
  ) async throws(CatalogError) -> [ScheduledFile] {
    let rows = try await maintain(
      """
      SELECT path::TEXT, \(SQLFunction.microseconds.name)(schedule_start)
      FROM ducklake_files_scheduled_for_deletion
      WHERE path_is_relative AND schedule_start <= \(SQLFunction.timestamp.name)(
        least($1, (SELECT min(p.created_at) - \(PinSQL.holdMarginMicroseconds)
          FROM duckmesh_pin p WHERE p.holder <> ''
            AND \(PinSQL.isLive("p", now: "\(SQLFunction.now.name)($3)")))))
      ORDER BY schedule_start LIMIT $2
      """,
      [
        .int64(Self.bounded(before).microseconds), .int64(Int64(limit)), database.wallOverride,
      ])
    return (0..<rows.count).map { row in
      ScheduledFile(
        path: rows.text(row, 0), scheduledAt: Timestamp(microseconds: rows.int64(row, 1)))
    }
  }

  package func forgetScheduled(_ paths: [String]) async throws(CatalogError) {
    _ = try await maintain(
      "DELETE FROM ducklake_files_scheduled_for_deletion WHERE path = ANY ($1)", [.texts(paths)])
  }

  package func referencedPaths(
    among paths: [String]
  ) async throws(CatalogError) -> Set<String> {
    // A path below a table's folder names its table, so each is looked for among the files of one
    // table alone.
    let rows = try await maintain(
      """
      SELECT asked.path FROM unnest($1) AS asked(path)
      WHERE EXISTS (
        SELECT FROM ducklake_files_scheduled_for_deletion g WHERE g.path = asked.path)
      UNION
      SELECT asked.path FROM (
        SELECT path, regexp_match(path, '^schema-([0-9]{1,18})/table-([0-9]{1,18})/(.+)$') AS parts
        FROM unnest($1) AS given(path)) AS asked
      JOIN duckmesh_table t ON t.table_id = parts[2]::BIGINT
      JOIN duckmesh_tenant n ON n.tenant_id = t.tenant_id AND n.schema_id = parts[1]::BIGINT
      WHERE EXISTS (
          SELECT FROM ducklake_data_file f WHERE f.table_id = t.table_id AND f.path = parts[3])
        OR EXISTS (
          SELECT FROM ducklake_delete_file f WHERE f.table_id = t.table_id AND f.path = parts[3])
      """,
      [.texts(paths)])
    return Set((0..<rows.count).map { rows.text($0, 0) })
  }
}
