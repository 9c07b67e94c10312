import Catalog
import LakeTables
import Model
import PostgreSQL
import Runtime

extension PostgreSQLCatalog {
  package func commit(_ restore: RestoreCommit) async throws(CommitError) -> RestoreReceipt {
    if let contradiction = restore.contradiction { throw .inconsistent(reason: contradiction) }
    let database = database
    return try await database.maintenance.transaction(failure: CommitError.init) {
      (session) throws(CommitError) in
      do {
        return try RestoreTransaction(
          restore: restore, wall: database.wallOverride, lease: database.leaseOverride,
          session: session
        ).run()
      } catch let error as PostgreSQLError {
        throw CommitError(error)
      } catch let error as CommitError {
        throw error
      } catch {
        throw .unavailable(reason: "\(error)")
      }
    }
  }

  package func resolve(_ restore: RestoreCommit) async throws(CatalogError) -> CommitReceipt? {
    guard let table = restore.tables.first else { return nil }
    return try await resolve(
      restore.id, of: table.table, owner: restore.owner, epoch: table.epoch)
  }
}

/// One restore inside its transaction; whatever it throws undoes all of it.
private struct RestoreTransaction {
  let restore: RestoreCommit
  let wall: PostgreSQLValue
  let lease: PostgreSQLValue
  let session: PostgreSQLSession

  func run() throws -> RestoreReceipt {
    // In the order in which everybody locks: the tenant's head, for a table that lives again is a
    // change of tables; the tables' leases; the lake's head.
    _ = try session.query(
      "SELECT FROM duckmesh_head WHERE tenant_id = $1 FOR UPDATE",
      [.int64(restore.tenant.rawValue)])
    try checkLeases()
    let opening = try open()
    try checkTables()
    try checkKeptFiles()
    var changes: [String] = []
    var (restored, undone): (Int64, Int64) = (0, 0)
    var nextFileID = opening.firstFileID
    for table in restore.tables {
      let counts = try put(table, opening, nextFileID: &nextFileID, changes: &changes)
      restored += counts.restored
      undone += counts.undone
    }
    try leaveTraces(opening, changes: changes)
    CrashPoint.insideRestore.reached()
    return RestoreReceipt(
      commit: opening.receipt, restoredRows: restored, undoneRows: undone)
  }

  /// The snapshot that the restore makes.
  private struct Opening {
    let receipt: CommitReceipt
    let schemaVersion: Int64
    let firstFileID: Int64
    var snapshot: PostgreSQLValue { .int64(receipt.snapshot.rawValue) }
  }

  private func checkLeases() throws {
    let tables: [PostgreSQLValue] = [
      .int64s(restore.tables.map(\.table.rawValue)),
      .int64s(restore.tables.map(\.epoch.rawValue)),
    ]
    _ = try session.query(
      """
      SELECT FROM duckmesh_table_lease WHERE table_id = ANY ($1) ORDER BY table_id
      FOR NO KEY UPDATE
      """, [tables[0]])
    let held = try session.query(
      """
      SELECT count(*) FROM unnest($1, $2) AS asked(table_id, epoch)
      JOIN duckmesh_table_lease AS lease ON lease.table_id = asked.table_id
        AND lease.epoch = asked.epoch AND lease.owner = $3
        AND \(SQLFunction.isLive.name)(lease.owner, lease.leased_until, lease.lease_ms,
          \(SQLFunction.now.name)($4))
      """, tables + [.text(restore.owner.rawValue), lease])
    guard held.int64(0, 0) == Int64(restore.tables.count) else { throw CommitError.fenced([]) }
  }

  private func open() throws -> Opening {
    let rows = try session.query(
      """
      SELECT opened, \(SQLFunction.microseconds.name)(opened_at), opened_schema_version,
        first_file_id
      FROM \(SQLFunction.openSnapshot.name)($1, 0, $2, $3)
      """,
      [
        .int64(restore.hasDropped ? 1 : 0),
        .int64(Int64(restore.tables.reduce(0) { $0 + $1.added.count })), wall,
      ])
    guard !rows.isNull(0, 0) else {
      throw CommitError.unavailable(reason: "other programs write to the lake")
    }
    return Opening(
      receipt: CommitReceipt(
        snapshot: SnapshotID(rows.int64(0, 0)), time: Timestamp(microseconds: rows.int64(0, 1))),
      schemaVersion: rows.int64(0, 2), firstFileID: rows.int64(0, 3))
  }

  /// Refuses tables that are not as they were read, or whose name another one has by now.
  private func checkTables() throws {
    let rows = try session.query(
      """
      SELECT asked.table_id
      FROM unnest($1, $2, $3::BOOLEAN[]) AS asked(table_id, version, is_dropped)
      LEFT JOIN duckmesh_table t ON t.table_id = asked.table_id AND t.tenant_id = $4
        AND t.schema_version = asked.version
        AND (t.dropped_snapshot IS NOT NULL) = asked.is_dropped
      WHERE t.table_id IS NULL OR EXISTS (
        SELECT FROM duckmesh_table o WHERE o.tenant_id = $4 AND o.table_id <> t.table_id
          AND o.dropped_snapshot IS NULL AND lower(o.table_name) = lower(t.table_name))
      """,
      [
        .int64s(restore.tables.map(\.table.rawValue)), .int64s(restore.tables.map(\.schemaVersion)),
        .bools(restore.tables.map(\.isDropped)), .int64(restore.tenant.rawValue),
      ])
    guard rows.count == 0 else {
      throw CommitError.tablesChanged((0..<rows.count).map { TableID(rows.int64($0, 0)) })
    }
  }

  private func checkKeptFiles() throws {
    let kept = restore.tables.flatMap { table in table.kept.map { (table.table, $0) } }
    let rows = try session.query(
      """
      SELECT count(*) FROM unnest($1, $2, $3) AS read(table_id, data_file_id, delete_file_id)
      JOIN ducklake_data_file f ON f.data_file_id = read.data_file_id
        AND f.table_id = read.table_id AND f.end_snapshot IS NULL
      WHERE read.delete_file_id IS NOT DISTINCT FROM (
        SELECT max(d.delete_file_id) FROM ducklake_delete_file d
        WHERE d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL)
      """,
      [
        .int64s(kept.map(\.0.rawValue)), .int64s(kept.map(\.1.id)),
        .optionalInt64s(kept.map { $0.1.deletes?.id }),
      ])
    guard rows.int64(0, 0) == Int64(kept.count) else { throw CommitError.filesChanged }
  }

  private func put(
    _ table: RestoredTable, _ opening: Opening, nextFileID: inout Int64, changes: inout [String]
  ) throws -> (restored: Int64, undone: Int64) {
    let id = table.table.rawValue
    let before = try rowCount(of: table.table)
    var undone = before
    if table.isDropped {
      changes.append(try revive(table.table, opening))
    } else {
      undone = try endFiles(of: table, opening)
      if undone > 0 { changes.append("deleted_from_table:\(id)") }
    }
    for file in table.added {
      try insert(file, of: table.table, id: nextFileID, opening)
      nextFileID += 1
    }
    if !table.added.isEmpty { changes.append("inserted_into_table:\(id)") }
    try updateStatistics(of: table.table)
    let restored = table.added.reduce(0) { $0 + $1.recordCount }
    if restored > 0 || undone > 0 {
      try writeLedger(
        of: table.table, opening, restored: restored, undone: undone, before: before)
    }
    return (restored, undone)
  }

  /// The rows that the table has, or had when it was dropped.
  private func rowCount(of table: TableID) throws -> Int64 {
    let rows = try session.query(
      """
      SELECT table_rows FROM duckmesh_ledger WHERE tenant_id = $1 AND table_id = $2
      ORDER BY snapshot_id DESC LIMIT 1
      """, [.int64(restore.tenant.rawValue), .int64(table.rawValue)])
    return rows.count == 0 ? 0 : rows.int64(0, 0)
  }

  /// Ends every live file but those that stay.
  ///
  /// - Returns: the live rows of those that ended.
  private func endFiles(of table: RestoredTable, _ opening: Opening) throws -> Int64 {
    let values: [PostgreSQLValue] = [
      .int64(table.table.rawValue), .int64s(table.kept.map(\.id)), opening.snapshot,
    ]
    let rows = try session.query(
      """
      WITH ended AS (
        UPDATE ducklake_data_file SET end_snapshot = $3
        WHERE table_id = $1 AND end_snapshot IS NULL AND data_file_id <> ALL ($2)
        RETURNING data_file_id, record_count),
      gone AS (
        UPDATE ducklake_delete_file d SET end_snapshot = $3 FROM ended
        WHERE d.data_file_id = ended.data_file_id AND d.end_snapshot IS NULL
        RETURNING d.delete_count)
      SELECT ((SELECT coalesce(sum(record_count), 0) FROM ended)
        - (SELECT coalesce(sum(delete_count), 0) FROM gone))::BIGINT
      """, values)
    return rows.int64(0, 0)
  }

  private func updateStatistics(of table: TableID) throws {
    _ = try session.query(
      """
      UPDATE ducklake_table_stats SET record_count = live.rows, file_size_bytes = live.bytes
      FROM (SELECT coalesce(sum(record_count), 0)::BIGINT AS rows,
          coalesce(sum(file_size_bytes), 0)::BIGINT AS bytes
        FROM ducklake_data_file WHERE table_id = $1 AND end_snapshot IS NULL) AS live
      WHERE table_id = $1
      """, [.int64(table.rawValue)])
  }

  /// The row has no tokens: it begins after the last one that the table's rows account for.
  private func writeLedger(
    of table: TableID, _ opening: Opening, restored: Int64, undone: Int64, before: Int64
  ) throws {
    _ = try session.query(
      """
      INSERT INTO duckmesh_ledger(tenant_id, table_id, snapshot_id, first_token, last_token,
        inserted, superseded, no_operation, dead_lettered, restored_rows, undone_rows, table_rows)
      SELECT $1, $2, $3, last.token + 1, last.token, 0, 0, 0, 0, $4, $5, $6
      FROM (SELECT coalesce((SELECT last_token FROM duckmesh_ledger
        WHERE tenant_id = $1 AND table_id = $2 ORDER BY snapshot_id DESC LIMIT 1), 0) AS token) last
      """,
      [
        .int64(restore.tenant.rawValue), .int64(table.rawValue), opening.snapshot,
        .int64(restored), .int64(undone), .int64(before + restored - undone),
      ])
  }

  private func leaveTraces(_ opening: Opening, changes: [String]) throws {
    let tenant = PostgreSQLValue.int64(restore.tenant.rawValue)
    _ = try session.query(
      """
      INSERT INTO duckmesh_watermark(tenant_id, snapshot_id, watermark)
      SELECT tenant_id, $2, watermark FROM duckmesh_consumer WHERE tenant_id = $1
      """, [tenant, opening.snapshot])
    _ = try session.query(
      "INSERT INTO duckmesh_restore(tenant_id, snapshot_id, restored_from) VALUES ($1, $2, $3)",
      [tenant, opening.snapshot, .int64(restore.restoredFrom.rawValue)])
    _ = try session.query(
      """
      INSERT INTO duckmesh_commit(commit_id, snapshot_id, committed_at)
      VALUES ($1, $2, \(SQLFunction.now.name)($3))
      """, [.text(restore.id.rawValue), opening.snapshot, wall])
    _ = try session.query(
      """
      INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made, author, commit_extra_info)
      VALUES ($1, $2, 'duckmesh', $3)
      """,
      [
        opening.snapshot, .text(changes.joined(separator: ",")),
        .text("{\"commit\":\"\(restore.id.rawValue)\"}"),
      ])
    _ = try session.query(
      "SELECT \(SQLFunction.signalTablesChanged.name)($1)",
      [.int64s([restore.tenant.rawValue])])
  }
}

extension RestoreTransaction {
  /// A dropped table lives again, as it was when it was dropped.
  ///
  /// - Returns: what the snapshot changes, in DuckLake's words.
  private func revive(_ table: TableID, _ opening: Opening) throws -> String {
    let found = try session.query(
      """
      SELECT t.dropped_snapshot, n.tenant_name, t.table_name
      FROM duckmesh_table t JOIN duckmesh_tenant n USING (tenant_id) WHERE t.table_id = $1
      """, [.int64(table.rawValue)])
    let values: [PostgreSQLValue] = [
      .int64(table.rawValue), .int64(found.int64(0, 0)), opening.snapshot,
    ]
    _ = try session.query(
      """
      INSERT INTO ducklake_table(table_id, table_uuid, begin_snapshot, schema_id, table_name, path,
        path_is_relative)
      SELECT table_id, table_uuid, $3, schema_id, table_name, path, path_is_relative
      FROM ducklake_table WHERE table_id = $1 AND end_snapshot = $2
      """, values)
    _ = try session.query(
      """
      INSERT INTO ducklake_column(column_id, begin_snapshot, table_id, column_order, column_name,
        column_type, initial_default, default_value, nulls_allowed, parent_column,
        default_value_type, default_value_dialect)
      SELECT column_id, $3, table_id, column_order, column_name, column_type, initial_default,
        default_value, nulls_allowed, parent_column, default_value_type, default_value_dialect
      FROM ducklake_column WHERE table_id = $1 AND end_snapshot = $2
      """, values)
    for (name, key) in [("partition_info", "partition_id"), ("sort_info", "sort_id")] {
      _ = try session.query(
        """
        INSERT INTO ducklake_\(name)(\(key), table_id, begin_snapshot)
        SELECT \(key), table_id, $3 FROM ducklake_\(name)
        WHERE table_id = $1 AND end_snapshot = $2
        """, values)
    }
    _ = try session.query(
      """
      INSERT INTO ducklake_schema_versions(begin_snapshot, schema_version, table_id)
      VALUES ($1, $2, $3)
      """, [opening.snapshot, .int64(opening.schemaVersion), .int64(table.rawValue)])
    _ = try session.query(
      "UPDATE duckmesh_table SET dropped_snapshot = NULL WHERE table_id = $1",
      [.int64(table.rawValue)])
    return "created_table:\(SQLText.identifier(found.text(0, 1)))"
      + ".\(SQLText.identifier(found.text(0, 2)))"
  }

  private func insert(
    _ file: RestoredFile, of table: TableID, id: Int64, _ opening: Opening
  ) throws {
    switch file {
    case .written(let file): try insert(file, id: id, opening)
    case .link(let source, let name):
      let made = try session.query(
        """
        INSERT INTO ducklake_data_file(data_file_id, table_id, begin_snapshot, path,
          path_is_relative, file_format, record_count, file_size_bytes, footer_size, row_id_start,
          partition_id)
        SELECT $2, table_id, $3, $4, TRUE, file_format, record_count, file_size_bytes, footer_size,
          row_id_start, partition_id
        FROM ducklake_data_file WHERE data_file_id = $1 AND table_id = $5 RETURNING data_file_id
        """,
        [
          .int64(source.id), .int64(id), opening.snapshot, .text(name), .int64(table.rawValue),
        ])
      guard made.count == 1 else {
        throw CommitError.unavailable(reason: "a file of a held snapshot is gone")
      }
      _ = try session.query(
        """
        INSERT INTO ducklake_file_column_stats(data_file_id, table_id, column_id,
          column_size_bytes, value_count, null_count, min_value, max_value, contains_nan,
          extra_stats)
        SELECT $2, table_id, column_id, column_size_bytes, value_count, null_count, min_value,
          max_value, contains_nan, extra_stats
        FROM ducklake_file_column_stats WHERE data_file_id = $1
        """, [.int64(source.id), .int64(id)])
      _ = try session.query(
        """
        INSERT INTO ducklake_file_partition_value(data_file_id, table_id, partition_key_index,
          partition_value)
        SELECT $2, table_id, partition_key_index, partition_value
        FROM ducklake_file_partition_value WHERE data_file_id = $1
        """, [.int64(source.id), .int64(id)])
    }
  }

  private func insert(_ file: NewDataFile, id: Int64, _ opening: Opening) throws {
    _ = try session.query(
      """
      INSERT INTO ducklake_data_file(data_file_id, table_id, begin_snapshot, path,
        path_is_relative, file_format, record_count, file_size_bytes, footer_size, partition_id)
      VALUES ($1, $2, $3, $4, TRUE, 'parquet', $5, $6, $7, $8)
      """,
      [
        .int64(id), .int64(file.table.rawValue), opening.snapshot, .text(file.name),
        .int64(file.recordCount), .int64(file.byteCount), .int64(file.footerByteCount),
        file.partition.map { .int64($0.partitioning) } ?? .null,
      ])
    _ = try session.query(
      """
      INSERT INTO ducklake_file_partition_value(data_file_id, table_id, partition_key_index,
        partition_value)
      SELECT $1, $2, made.place - 1, made.value
      FROM unnest($3) WITH ORDINALITY AS made(value, place)
      """,
      [
        .int64(id), .int64(file.table.rawValue), .optionalTexts(file.partition?.values ?? []),
      ])
    _ = try session.query(
      """
      INSERT INTO ducklake_file_column_stats(data_file_id, table_id, column_id, column_size_bytes,
        value_count, null_count, min_value, max_value, contains_nan)
      SELECT $1, $2, made.column_id, made.byte_count, made.value_count, made.null_count,
        made.minimum, made.maximum, made.nan <> 0
      FROM unnest($3, $4, $5, $6, $7, $8, $9)
        AS made(column_id, byte_count, value_count, null_count, minimum, maximum, nan)
      """,
      [.int64(id), .int64(file.table.rawValue)] + CommitValues.statistics(file.statistics))
  }
}
