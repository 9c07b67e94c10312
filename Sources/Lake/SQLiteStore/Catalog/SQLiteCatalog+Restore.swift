import Catalog
import Consistency
import LakeTables
import Model
import Runtime
import SQLite

extension SQLiteCatalog {
  package func commit(_ restore: RestoreCommit) async throws(CommitError) -> RestoreReceipt {
    if let contradiction = restore.contradiction { throw .inconsistent(reason: contradiction) }
    let clock = database.clock
    return try await database.write(failure: CommitError.init) {
      (connection) throws(CommitError) in
      try RestoreTransaction(restore: restore, clock: clock, connection: connection).run()
    }
  }

  package func resolve(_ restore: RestoreCommit) async throws(CatalogError) -> CommitReceipt? {
    guard let table = restore.tables.first else { return nil }
    return try await resolve(
      restore.id, of: table.table, owner: restore.owner, epoch: table.epoch)
  }
}

/// One restore inside its transaction.
private struct RestoreTransaction {
  let restore: RestoreCommit
  let clock: CatalogClock
  let connection: SQLiteConnection

  func run() throws(CommitError) -> RestoreReceipt {
    for table in restore.tables {
      try TableLeaseRow.check(
        table.table, owner: restore.owner, epoch: table.epoch, now: clock.lease(), connection)
    }
    let restore = restore
    let (changed, isUnchanged) = try mapping(CommitError.init) { () throws(SQLiteError) in
      (try changedTables(), try areKeptFilesUnchanged())
    }
    guard changed.isEmpty else { throw .tablesChanged(changed) }
    guard isUnchanged else { throw .filesChanged }
    return try mapping(CommitError.init) { () throws(SQLiteError) in
      var head = try LakeHead.read(connection)
      head.advance(now: clock.wall())
      if restore.hasDropped { head.schemaVersion += 1 }
      var changes: [String] = []
      var (restored, undone): (Int64, Int64) = (0, 0)
      for table in restore.tables {
        let counts = try put(table, head: &head, changes: &changes)
        restored += counts.restored
        undone += counts.undone
      }
      try carryWatermark(to: head)
      try connection.statement("INSERT INTO duckmesh_restore VALUES (?, ?, ?)")
        .bind(restore.tenant.rawValue, at: 1).bind(head.snapshot.rawValue, at: 2)
        .bind(restore.restoredFrom.rawValue, at: 3).run()
      try CommitRow.insert(restore.id, head: head, now: clock.wall(), connection)
      try head.write(
        changes: changes, author: "duckmesh",
        extra: "{\"commit\":\"\(restore.id.rawValue)\"}", connection)
      CrashPoint.insideRestore.reached()
      return RestoreReceipt(
        commit: CommitReceipt(snapshot: head.snapshot, time: head.time), restoredRows: restored,
        undoneRows: undone)
    }
  }

  /// Tables that are not as they were read, or whose name another one has by now.
  private func changedTables() throws(SQLiteError) -> [TableID] {
    var changed: [TableID] = []
    for table in restore.tables {
      let row = try connection.statement(
        """
        SELECT t.schema_version, t.dropped_snapshot IS NOT NULL, EXISTS (
          SELECT 1 FROM duckmesh_table o WHERE o.tenant_id = t.tenant_id
            AND o.table_id <> t.table_id AND o.dropped_snapshot IS NULL
            AND lower(o.table_name) = lower(t.table_name))
        FROM duckmesh_table t WHERE t.table_id = ? AND t.tenant_id = ?
        """
      ).bind(table.table.rawValue, at: 1).bind(restore.tenant.rawValue, at: 2)
      defer { row.reset() }
      guard try row.step(), row.int64(0) == table.schemaVersion,
        (row.int64(1) != 0) == table.isDropped, row.int64(2) == 0
      else {
        changed.append(table.table)
        continue
      }
    }
    return changed
  }

  private func areKeptFilesUnchanged() throws(SQLiteError) -> Bool {
    for table in restore.tables where !table.kept.isEmpty {
      let live = Set(try DeleteFileRows.live(of: table.table, connection).map(\.file))
      guard table.kept.allSatisfy({ live.contains($0.live) }) else { return false }
    }
    return true
  }

  private func put(
    _ table: RestoredTable, head: inout LakeHead, changes: inout [String]
  ) throws(SQLiteError) -> (restored: Int64, undone: Int64) {
    let id = table.table.rawValue
    let before = try rowCount(of: table.table)
    var undone = before
    if table.isDropped {
      changes.append(try revive(table.table, head: head))
    } else {
      undone = try endFiles(of: table, at: head.snapshot)
    }
    if undone > 0, !table.isDropped { changes.append("deleted_from_table:\(id)") }
    for file in table.added { try insert(file, of: table.table, head: &head) }
    if !table.added.isEmpty { changes.append("inserted_into_table:\(id)") }
    try updateStatistics(of: table.table)
    let restored = table.added.reduce(0) { $0 + $1.recordCount }
    if restored > 0 || undone > 0 {
      try writeLedger(
        of: table.table, at: head.snapshot, restored: restored, undone: undone, before: before)
    }
    return (restored, undone)
  }

  /// The rows that the table has, or had when it was dropped.
  private func rowCount(of table: TableID) throws(SQLiteError) -> Int64 {
    let row = try connection.statement(
      """
      SELECT table_rows FROM duckmesh_ledger WHERE tenant_id = ? AND table_id = ?
      ORDER BY snapshot_id DESC LIMIT 1
      """
    ).bind(restore.tenant.rawValue, at: 1).bind(table.rawValue, at: 2)
    guard try row.step() else { return 0 }
    defer { row.reset() }
    return row.int64(0)
  }

  /// Ends every live file but those that stay.
  ///
  /// - Returns: the live rows of those that ended.
  private func endFiles(
    of table: RestoredTable, at snapshot: SnapshotID
  ) throws(SQLiteError) -> Int64 {
    let kept = Set(table.kept.map(\.id))
    var rows: Int64 = 0
    for live in try DeleteFileRows.live(of: table.table, connection)
    where !kept.contains(live.file.dataFile) {
      rows += live.rowCount - live.deleteCount
      try DeleteFileRows.end(of: live.file.dataFile, at: snapshot, connection)
      try connection.statement(
        "UPDATE ducklake_data_file SET end_snapshot = ?2 WHERE data_file_id = ?1"
      ).bind(live.file.dataFile, at: 1).bind(snapshot.rawValue, at: 2).run()
    }
    return rows
  }

  private func insert(
    _ file: RestoredFile, of table: TableID, head: inout LakeHead
  ) throws(SQLiteError) {
    let id = head.takeFileID()
    switch file {
    case .written(let file):
      try DataFileRows.insertRow(
        file, id: id, begin: head.snapshot, rowIDStart: nil, partialMaximum: nil, connection)
      try DataFileRows.insertStatistics(file, id: id, connection)
    case .link(let source, let name):
      try connection.statement(
        """
        INSERT INTO ducklake_data_file(data_file_id, table_id, begin_snapshot, path,
          path_is_relative, file_format, record_count, file_size_bytes, footer_size, row_id_start,
          partition_id)
        SELECT ?2, table_id, ?3, ?4, 1, file_format, record_count, file_size_bytes, footer_size,
          row_id_start, partition_id
        FROM ducklake_data_file WHERE data_file_id = ?1 AND table_id = ?5
        """
      ).bind(source.id, at: 1).bind(id, at: 2).bind(head.snapshot.rawValue, at: 3)
        .bind(name, at: 4).bind(table.rawValue, at: 5).run()
      guard connection.changes == 1 else {
        throw .corrupt(message: "a file of a held snapshot is gone")
      }
      try connection.statement(
        """
        INSERT INTO ducklake_file_column_stats
        SELECT ?2, table_id, column_id, column_size_bytes, value_count, null_count, min_value,
          max_value, contains_nan, extra_stats
        FROM ducklake_file_column_stats WHERE data_file_id = ?1
        """
      ).bind(source.id, at: 1).bind(id, at: 2).run()
      try FilePartitionRows.copy(from: source.id, to: id, connection)
    }
  }

  /// A dropped table lives again, as it was when it was dropped.
  ///
  /// - Returns: what the snapshot changes, in DuckLake's words.
  private func revive(_ table: TableID, head: LakeHead) throws(SQLiteError) -> String {
    let id = table.rawValue
    let row = try connection.statement(
      """
      SELECT t.dropped_snapshot, n.tenant_name, t.table_name
      FROM duckmesh_table t JOIN duckmesh_tenant n USING (tenant_id) WHERE t.table_id = ?
      """
    ).bind(id, at: 1)
    guard try row.step() else { throw .corrupt(message: "a table without a row") }
    let dropped = row.int64(0)
    let name = "\(SQLText.identifier(row.text(1))).\(SQLText.identifier(row.text(2)))"
    row.reset()
    try connection.statement(
      """
      INSERT INTO ducklake_table SELECT table_id, table_uuid, ?3, NULL, schema_id, table_name,
        path, path_is_relative
      FROM ducklake_table WHERE table_id = ?1 AND end_snapshot = ?2
      """
    ).bind(id, at: 1).bind(dropped, at: 2).bind(head.snapshot.rawValue, at: 3).run()
    try connection.statement(
      """
      INSERT INTO ducklake_column SELECT column_id, ?3, NULL, table_id, column_order, column_name,
        column_type, initial_default, default_value, nulls_allowed, parent_column,
        default_value_type, default_value_dialect
      FROM ducklake_column WHERE table_id = ?1 AND end_snapshot = ?2
      """
    ).bind(id, at: 1).bind(dropped, at: 2).bind(head.snapshot.rawValue, at: 3).run()
    try LayoutRows.revive(id, droppedAt: dropped, at: head.snapshot.rawValue, connection)
    try connection.statement("INSERT INTO ducklake_schema_versions VALUES (?, ?, ?)")
      .bind(head.snapshot.rawValue, at: 1).bind(head.schemaVersion, at: 2).bind(id, at: 3).run()
    try connection.statement("UPDATE duckmesh_table SET dropped_snapshot = NULL WHERE table_id = ?")
      .bind(id, at: 1).run()
    return "created_table:\(name)"
  }

  private func updateStatistics(of table: TableID) throws(SQLiteError) {
    try connection.statement(
      """
      UPDATE ducklake_table_stats SET
        record_count = (SELECT coalesce(sum(record_count), 0) FROM ducklake_data_file f
          WHERE f.table_id = ?1 AND f.end_snapshot IS NULL),
        file_size_bytes = (SELECT coalesce(sum(file_size_bytes), 0) FROM ducklake_data_file f
          WHERE f.table_id = ?1 AND f.end_snapshot IS NULL)
      WHERE table_id = ?1
      """
    ).bind(table.rawValue, at: 1).run()
  }

  /// The row has no tokens: it begins after the last one that the table's rows account for.
  private func writeLedger(
    of table: TableID, at snapshot: SnapshotID, restored: Int64, undone: Int64, before: Int64
  ) throws(SQLiteError) {
    try connection.statement(
      """
      INSERT INTO duckmesh_ledger(tenant_id, table_id, snapshot_id, first_token, last_token,
        inserted, superseded, no_operation, dead_lettered, restored_rows, undone_rows, table_rows)
      SELECT ?1, ?2, ?3, last.token + 1, last.token, 0, 0, 0, 0, ?4, ?5, ?6
      FROM (SELECT coalesce((SELECT last_token FROM duckmesh_ledger
        WHERE tenant_id = ?1 AND table_id = ?2 ORDER BY snapshot_id DESC LIMIT 1), 0) AS token) last
      """
    ).bind(restore.tenant.rawValue, at: 1).bind(table.rawValue, at: 2)
      .bind(snapshot.rawValue, at: 3).bind(restored, at: 4).bind(undone, at: 5)
      .bind(before + restored - undone, at: 6).run()
  }

  private func carryWatermark(to head: LakeHead) throws(SQLiteError) {
    guard let consumer = try ConsumerRow.read(restore.tenant, connection) else {
      throw .corrupt(message: "tenant without a consumer row")
    }
    try head.writeWatermark(consumer.watermark, tenant: restore.tenant, connection)
  }
}
