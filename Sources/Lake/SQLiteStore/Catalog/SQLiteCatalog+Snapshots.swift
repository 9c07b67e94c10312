import Catalog
import Consistency
import LakeTables
import Model
import SQLite

extension SQLiteCatalog {
  package func latestSnapshot(tenant: TenantID) async throws(CatalogError) -> SnapshotRecord {
    let now = database.clock.wall()
    return try await oneSnapshot { (connection) throws(SQLiteError) in
      try Self.latest(tenant: tenant, now: now, connection)
    }
  }

  package func snapshot(
    _ id: SnapshotID, tenant: TenantID
  ) async throws(CatalogError) -> SnapshotRecord {
    let now = database.clock.wall()
    return try await oneSnapshot { (connection) throws(SQLiteError) in
      try Self.snapshots(
        where: "w.snapshot_id = ?2", id.rawValue, tenant: tenant, limit: 1, now: now, connection
      ).first
    }
  }

  package func snapshot(
    at time: Timestamp, tenant: TenantID
  ) async throws(CatalogError) -> SnapshotRecord {
    let now = database.clock.wall()
    return try await oneSnapshot { (connection) throws(SQLiteError) in
      // The newest snapshot of all at or before the instant, then the tenant's newest at or before
      // that one: times rise with ids, so one look at the index of times is enough.
      let row = try connection.statement(
        """
        SELECT snapshot_id FROM ducklake_snapshot WHERE snapshot_time <= ?
        ORDER BY snapshot_time DESC LIMIT 1
        """
      ).bind(time.catalogText, at: 1)
      guard try row.step() else { return nil }
      let id = row.int64(0)
      row.reset()
      return try Self.snapshots(
        where: "w.snapshot_id <= ?2", id, tenant: tenant, limit: 1, now: now, connection
      ).first
    }
  }

  package func watermarks(
    after snapshot: SnapshotID
  ) async throws(CatalogError) -> [TenantWatermark] {
    try await read { (connection) throws(SQLiteError) in
      // SQLite takes the bare column from the row that holds the maximum.
      let row = try connection.statement(
        """
        SELECT tenant_id, watermark, max(snapshot_id) FROM duckmesh_watermark
        WHERE snapshot_id > ? GROUP BY tenant_id ORDER BY tenant_id
        """
      ).bind(snapshot.rawValue, at: 1)
      var watermarks: [TenantWatermark] = []
      while try row.step() {
        watermarks.append(
          TenantWatermark(
            tenant: TenantID(row.int64(0)), watermark: VisibilityToken(row.int64(1)),
            snapshot: SnapshotID(row.int64(2))))
      }
      return watermarks
    }
  }

  package func snapshots(
    tenant: TenantID, before id: SnapshotID?, limit: Int
  ) async throws(CatalogError) -> [SnapshotRecord] {
    let now = database.clock.wall()
    return try await read { (connection) throws(SQLiteError) in
      try Self.snapshots(
        where: "w.snapshot_id < ?2", id?.rawValue ?? .max, tenant: tenant, limit: limit, now: now,
        connection)
    }
  }

  private func oneSnapshot(
    _ body: @escaping @Sendable (SQLiteConnection) throws(SQLiteError) -> SnapshotRecord?
  ) async throws(CatalogError) -> SnapshotRecord {
    guard let found = try await read(body) else { throw .snapshotNotFound }
    return found
  }

  static func latest(
    tenant: TenantID, now: Timestamp, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> SnapshotRecord? {
    try snapshots(
      where: "w.snapshot_id <= ?2", .max, tenant: tenant, limit: 1, now: now, connection
    ).first
  }

  /// The tenant's snapshots that satisfy `condition` on parameter 2, newest first.
  private static func snapshots(
    where condition: String, _ value: Int64, tenant: TenantID, limit: Int, now: Timestamp,
    _ connection: SQLiteConnection
  ) throws(SQLiteError) -> [SnapshotRecord] {
    let row = try connection.prepare(
      """
      SELECT w.snapshot_id, s.snapshot_time, c.author, w.watermark,
        (SELECT max(p.snapshot_id) FROM duckmesh_watermark p
         WHERE p.tenant_id = ?1 AND p.snapshot_id < w.snapshot_id),
        p.created_at, p.expires_at, p.pin_name, r.restored_from
      FROM duckmesh_watermark w JOIN ducklake_snapshot s USING (snapshot_id)
      JOIN ducklake_snapshot_changes c USING (snapshot_id)
      \(PinSQL.join(now: "?4"))
      LEFT JOIN duckmesh_restore r
        ON r.tenant_id = w.tenant_id AND r.snapshot_id = w.snapshot_id
      WHERE w.tenant_id = ?1 AND \(condition) ORDER BY w.snapshot_id DESC LIMIT ?3
      """
    ).bind(tenant.rawValue, at: 1).bind(value, at: 2).bind(Int64(limit), at: 3)
      .bind(now.microseconds, at: 4)
    var snapshots: [SnapshotRecord] = []
    while try row.step() {
      guard let time = Timestamp(parsing: row.text(1)) else {
        throw .corrupt(message: "a snapshot without a time")
      }
      snapshots.append(
        SnapshotRecord(
          id: SnapshotID(row.int64(0)), time: time, createdBy: row.text(2),
          watermark: VisibilityToken(row.int64(3)),
          parent: row.optionalInt64(4).map(SnapshotID.init),
          pin: row.optionalInt64(5).map { createdAt in
            SnapshotPin(
              snapshot: SnapshotID(row.int64(0)), name: row.optionalText(7),
              createdAt: Timestamp(microseconds: createdAt),
              expiresAt: row.optionalInt64(6).map { Timestamp(microseconds: $0) })
          },
          restoredFrom: row.optionalInt64(8).map(SnapshotID.init)))
    }
    return snapshots
  }

  package func contents(
    of snapshots: [SnapshotID], tenant: TenantID
  ) async throws(CatalogError) -> [SnapshotID: [TableContent]] {
    try await read { (connection) throws(SQLiteError) in
      var contents: [SnapshotID: [TableContent]] = [:]
      for snapshot in snapshots {
        if try Self.exists(snapshot, connection) {
          contents[snapshot] = try Self.contents(at: snapshot, tenant: tenant, connection)
        }
      }
      return contents
    }
  }

  private static func contents(
    at snapshot: SnapshotID, tenant: TenantID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> [TableContent] {
    let row = try connection.prepare(
      """
      SELECT t.table_name,
        (SELECT count(*) FROM ducklake_data_file f WHERE f.table_id = t.table_id
          AND f.begin_snapshot <= ?2 AND (f.end_snapshot IS NULL OR f.end_snapshot > ?2)),
        (SELECT coalesce(sum(file_size_bytes), 0) FROM ducklake_data_file f
          WHERE f.table_id = t.table_id AND f.begin_snapshot <= ?2
          AND (f.end_snapshot IS NULL OR f.end_snapshot > ?2)),
        (SELECT table_rows FROM duckmesh_ledger l WHERE l.tenant_id = ?1
          AND l.table_id = t.table_id AND l.snapshot_id <= ?2 ORDER BY l.snapshot_id DESC LIMIT 1),
        (SELECT last_token FROM duckmesh_ledger l WHERE l.tenant_id = ?1
          AND l.table_id = t.table_id AND l.snapshot_id <= ?2 ORDER BY l.snapshot_id DESC LIMIT 1)
      FROM duckmesh_table t WHERE t.tenant_id = ?1 AND \(TableHistorySQL.isShown(at: "?2"))
      ORDER BY lower(t.table_name)
      """
    ).bind(tenant.rawValue, at: 1).bind(snapshot.rawValue, at: 2)
    var tables: [TableContent] = []
    while try row.step() {
      tables.append(
        TableContent(
          name: row.text(0), watermark: VisibilityToken(row.int64(4)), files: Int(row.int64(1)),
          rows: row.int64(3), bytes: row.int64(2)))
    }
    return tables
  }

  package func progress(tenant: TenantID) async throws(CatalogError) -> TenantProgress {
    let now = database.clock.wall()
    let found = try await read { (connection) throws(SQLiteError) -> TenantProgress? in
      guard let head = try HeadRow.read(tenant, connection),
        let consumer = try ConsumerRow.read(tenant, connection),
        let latest = try Self.latest(tenant: tenant, now: now, connection)
      else { return nil }
      let row = try connection.statement(
        """
        SELECT (SELECT dead_lettered - replayed - discarded FROM duckmesh_consumer
           WHERE tenant_id = ?1),
          (SELECT published_at FROM duckmesh_segment WHERE tenant_id = ?1 AND first_token > ?2
           ORDER BY first_token LIMIT 1)
        """
      ).bind(tenant.rawValue, at: 1).bind(consumer.watermark.rawValue, at: 2)
      _ = try row.step()
      defer { row.reset() }
      return TenantProgress(
        head: head, watermark: consumer.watermark, latest: latest, deadLetters: row.int64(0),
        oldestPendingAt: row.optionalInt64(1).map { Timestamp(microseconds: $0) },
        voids: try VoidRows.read(tenant, connection))
    }
    guard let found else { throw .damaged(reason: "tenant without its rows") }
    return found
  }
}
