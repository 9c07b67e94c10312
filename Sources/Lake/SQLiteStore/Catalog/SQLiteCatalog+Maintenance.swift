import Catalog
import Consistency
import LakeTables
import Model
import SQLite

extension SQLiteCatalog {
  package func mergeCandidates(
    above: Int, limit: Int
  ) async throws(CatalogError) -> [MergeCandidate] {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.statement(
        """
        SELECT table_id, count(*) AS files FROM ducklake_data_file WHERE end_snapshot IS NULL
        GROUP BY table_id HAVING files > ? ORDER BY files DESC LIMIT ?
        """
      ).bind(Int64(above), at: 1).bind(Int64(limit), at: 2)
      var candidates: [MergeCandidate] = []
      while try row.step() {
        candidates.append(
          MergeCandidate(table: TableID(row.int64(0)), liveFiles: Int(row.int64(1))))
      }
      return candidates
    }
  }

  package func fileCounts() async throws(CatalogError) -> FileCounts {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.statement(
        """
        SELECT n.tenant_name, max(f.files) FROM (
          SELECT table_id, count(*) AS files FROM ducklake_data_file WHERE end_snapshot IS NULL
          GROUP BY table_id) f
        JOIN duckmesh_table t USING (table_id) JOIN duckmesh_tenant n USING (tenant_id)
        GROUP BY n.tenant_id
        """)
      var most: [String: Int] = [:]
      while try row.step() { most[row.text(0)] = Int(row.int64(1)) }
      let waiting = try connection.statement(
        "SELECT count(*) FROM ducklake_files_scheduled_for_deletion")
      _ = try waiting.step()
      defer { waiting.reset() }
      return FileCounts(mostLiveFiles: most, awaitingDeletion: Int(waiting.int64(0)))
    }
  }

  package func liveFiles(
    of table: TableID
  ) async throws(CatalogError) -> [(file: DataFileRecord, schemaVersion: Int64)] {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.prepare(
        """
        SELECT * FROM (\(Self.fileSelection)
          LEFT JOIN ducklake_delete_file d
            ON d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL
          WHERE f.table_id = ?1 AND f.end_snapshot IS NULL)
        ORDER BY coalesce(row_id_start, begin_snapshot), data_file_id
        """
      ).bind(table.rawValue, at: 1)
      guard let folder = try Self.folder(of: table, connection) else { return [] }
      var files: [(file: DataFileRecord, schemaVersion: Int64)] = []
      while try row.step() {
        let file = Self.file(row, folder: folder)
        files.append((file, try Self.schemaVersion(of: table, at: file.begin, connection)))
      }
      return files
    }
  }

  static func folder(
    of table: TableID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> String? {
    let row = try connection.statement(
      """
      SELECT n.schema_id FROM duckmesh_table t JOIN duckmesh_tenant n USING (tenant_id)
      WHERE t.table_id = ?
      """
    ).bind(table.rawValue, at: 1)
    guard try row.step() else { return nil }
    defer { row.reset() }
    return Folders.table(schema: row.int64(0), table: table.rawValue)
  }

  private static func schemaVersion(
    of table: TableID, at snapshot: SnapshotID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> Int64 {
    let row = try connection.statement(
      """
      SELECT schema_version FROM ducklake_schema_versions
      WHERE table_id = ? AND begin_snapshot <= ? ORDER BY begin_snapshot DESC LIMIT 1
      """
    ).bind(table.rawValue, at: 1).bind(snapshot.rawValue, at: 2)
    guard try row.step() else { throw .corrupt(message: "a file older than its table's schema") }
    defer { row.reset() }
    return row.int64(0)
  }

  package func snapshotStubs(
    after id: SnapshotID?, limit: Int
  ) async throws(CatalogError) -> [SnapshotStub] {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.statement(
        """
        SELECT snapshot_id, snapshot_time FROM ducklake_snapshot WHERE snapshot_id > ?
        ORDER BY snapshot_id LIMIT ?
        """
      ).bind(id?.rawValue ?? -1, at: 1).bind(Int64(limit), at: 2)
      var stubs: [SnapshotStub] = []
      while try row.step() {
        guard let time = Timestamp(parsing: row.text(1)) else { continue }
        stubs.append(SnapshotStub(id: SnapshotID(row.int64(0)), time: time))
      }
      return stubs
    }
  }

  package func expireSnapshots(_ ids: [SnapshotID]) async throws(CatalogError) -> Int {
    let clock = database.clock
    return try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        try SnapshotExpiry(connection: connection, now: clock.wall()).run(ids)
      }
    }
  }

  package func scheduledFiles(
    before: Timestamp, limit: Int
  ) async throws(CatalogError) -> [ScheduledFile] {
    let now = database.clock.wall()
    return try await read { (connection) throws(SQLiteError) in
      let row = try connection.statement(
        """
        SELECT path, schedule_start FROM ducklake_files_scheduled_for_deletion
        WHERE schedule_start <= ? ORDER BY schedule_start LIMIT ?
        """
      ).bind(try Self.unheld(before, now: now, connection).catalogText, at: 1).bind(
        Int64(limit), at: 2)
      var files: [ScheduledFile] = []
      while try row.step() {
        guard let time = Timestamp(parsing: row.text(1)) else { continue }
        files.append(ScheduledFile(path: row.text(0), scheduledAt: time))
      }
      return files
    }
  }

  package func forgetScheduled(_ paths: [String]) async throws(CatalogError) {
    try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        for path in paths {
          try connection.statement(
            "DELETE FROM ducklake_files_scheduled_for_deletion WHERE path = ?"
          ).bind(path, at: 1).run()
        }
      }
    }
  }

  package func referencedPaths(
    among paths: [String]
  ) async throws(CatalogError) -> Set<String> {
    let wanted = Set(paths)
    return try await read { (connection) throws(SQLiteError) in
      var found: Set<String> = []
      let row = try connection.statement(
        """
        SELECT n.schema_id, p.table_id, p.path FROM (
          SELECT table_id, path FROM ducklake_data_file
          UNION ALL SELECT table_id, path FROM ducklake_delete_file) p
        JOIN duckmesh_table t USING (table_id) JOIN duckmesh_tenant n USING (tenant_id)
        """)
      while try row.step() {
        let path = Folders.table(schema: row.int64(0), table: row.int64(1)) + row.text(2)
        if wanted.contains(path) { found.insert(path) }
      }
      let scheduled = try connection.statement(
        "SELECT path FROM ducklake_files_scheduled_for_deletion")
      while try scheduled.step() {
        let path = scheduled.text(0)
        if wanted.contains(path) { found.insert(path) }
      }
      return found
    }
  }
}

/// Takes snapshots out of the catalog in one transaction.
private struct SnapshotExpiry {
  let connection: SQLiteConnection
  let now: Timestamp

  func run(_ ids: [SnapshotID]) throws(SQLiteError) -> Int {
    let protected = try protectedSnapshots()
    var leaving: [SnapshotID] = []
    for id in Set(ids) where !protected.contains(id.rawValue) {
      try connection.statement("DELETE FROM ducklake_snapshot WHERE snapshot_id = ?")
        .bind(id.rawValue, at: 1).run()
      guard connection.changes == 1 else { continue }
      leaving.append(id)
      // The commit's own trace goes with it: nobody is in doubt about it any more.
      for table in ["ducklake_snapshot_changes", "duckmesh_commit", "duckmesh_restore"] {
        try connection.prepare("DELETE FROM \(table) WHERE snapshot_id = ?")
          .bind(id.rawValue, at: 1).run()
      }
    }
    // From the newest on: of all that moves to one snapshot, the newest is its state, and what is
    // there stays.
    for id in leaving.sorted(by: >) { try moveOn(id) }
    try scheduleUnreachableFiles(endedBy: try horizon(of: leaving))
    return leaving.count
  }

  /// The newest snapshot of all, each tenant's newest, and what is pinned.
  private func protectedSnapshots() throws(SQLiteError) -> Set<Int64> {
    let row = try connection.prepare(
      """
      SELECT max(snapshot_id) FROM ducklake_snapshot
      UNION SELECT max(snapshot_id) FROM duckmesh_watermark GROUP BY tenant_id
      UNION SELECT s.snapshot_id FROM duckmesh_pin p JOIN ducklake_snapshot s
        ON s.snapshot_id BETWEEN p.first_snapshot AND p.last_snapshot
      WHERE \(PinSQL.isLive("p", now: "?1"))
      """
    ).bind(now.microseconds, at: 1)
    var ids: Set<Int64> = []
    while try row.step() { ids.insert(row.int64(0)) }
    return ids
  }

  /// A tenant's state at a snapshot is its newest row at or before it. The rows of a snapshot that
  /// goes are therefore handed to the next snapshot that stays, unless that has rows of its own.
  private func moveOn(_ id: SnapshotID) throws(SQLiteError) {
    let next = try connection.statement(
      "SELECT min(snapshot_id) FROM ducklake_snapshot WHERE snapshot_id > ?"
    ).bind(id.rawValue, at: 1)
    guard try next.step(), let successor = next.optionalInt64(0) else {
      throw .corrupt(message: "the newest snapshot cannot go")
    }
    next.reset()
    try connection.statement(
      """
      INSERT INTO duckmesh_watermark
      SELECT tenant_id, ?2, watermark FROM duckmesh_watermark WHERE snapshot_id = ?1
      ON CONFLICT DO NOTHING
      """
    ).bind(id.rawValue, at: 1).bind(successor, at: 2).run()
    try connection.statement("DELETE FROM duckmesh_watermark WHERE snapshot_id = ?")
      .bind(id.rawValue, at: 1).run()
    try connection.statement(
      """
      INSERT INTO duckmesh_ledger(tenant_id, table_id, snapshot_id, first_token, last_token,
        inserted, superseded, no_operation, dead_lettered, table_rows, deleted, removed_rows,
        replayed, restored_rows, undone_rows)
      SELECT tenant_id, table_id, ?2, first_token, last_token, inserted, superseded, no_operation,
        dead_lettered, table_rows, deleted, removed_rows, replayed, restored_rows, undone_rows
      FROM duckmesh_ledger WHERE snapshot_id = ?1
      ON CONFLICT DO UPDATE SET first_token = min(first_token, excluded.first_token),
        inserted = inserted + excluded.inserted, superseded = superseded + excluded.superseded,
        no_operation = no_operation + excluded.no_operation,
        dead_lettered = dead_lettered + excluded.dead_lettered,
        deleted = deleted + excluded.deleted, removed_rows = removed_rows + excluded.removed_rows,
        replayed = replayed + excluded.replayed,
        restored_rows = restored_rows + excluded.restored_rows,
        undone_rows = undone_rows + excluded.undone_rows
      """
    ).bind(id.rawValue, at: 1).bind(successor, at: 2).run()
    try connection.statement("DELETE FROM duckmesh_ledger WHERE snapshot_id = ?")
      .bind(id.rawValue, at: 1).run()
  }

  /// The first snapshot that stays after all that went: what ends later and has begun by then is
  /// still shown there, so that what ended later need not be looked at.
  private func horizon(of leaving: [SnapshotID]) throws(SQLiteError) -> Int64 {
    guard let last = leaving.max() else { return .max }
    let row = try connection.statement(
      "SELECT min(snapshot_id) FROM ducklake_snapshot WHERE snapshot_id > ?"
    ).bind(last.rawValue, at: 1)
    defer { row.reset() }
    return try row.step() ? row.int64(0) : .max
  }

  /// Files that ended and that no snapshot lies in the life of any more.
  private func scheduleUnreachableFiles(endedBy horizon: Int64) throws(SQLiteError) {
    for (table, key) in [("data_file", "data_file_id"), ("delete_file", "delete_file_id")] {
      let row = try connection.prepare(
        """
        SELECT f.\(key), n.schema_id, f.table_id, f.path FROM ducklake_\(table) f
        JOIN duckmesh_table t USING (table_id) JOIN duckmesh_tenant n USING (tenant_id)
        WHERE f.end_snapshot IS NOT NULL AND f.end_snapshot <= ?1 AND NOT EXISTS (
          SELECT 1 FROM ducklake_snapshot s
          WHERE s.snapshot_id >= f.begin_snapshot AND s.snapshot_id < f.end_snapshot)
        """
      ).bind(horizon, at: 1)
      var files: [(id: Int64, path: String)] = []
      while try row.step() {
        let folder = Folders.table(schema: row.int64(1), table: row.int64(2))
        files.append((row.int64(0), folder + row.text(3)))
      }
      for file in files {
        try DataFileRows.schedule(id: file.id, path: file.path, now: now, connection)
        if table == "data_file" {
          try DataFileRows.delete(id: file.id, connection)
        } else {
          try connection.statement("DELETE FROM ducklake_delete_file WHERE delete_file_id = ?")
            .bind(file.id, at: 1).run()
        }
      }
    }
  }
}
