import Catalog
import LakeTables
import Model
import PostgreSQL

extension PostgreSQLCatalog {
  package func latestSnapshot(tenant: TenantID) async throws(CatalogError) -> SnapshotRecord {
    try await oneSnapshot("TRUE", [.int64(tenant.rawValue)])
  }

  package func snapshot(
    _ id: SnapshotID, tenant: TenantID
  ) async throws(CatalogError) -> SnapshotRecord {
    try await oneSnapshot(
      "w.snapshot_id = $2", [.int64(tenant.rawValue), .int64(id.rawValue)])
  }

  package func snapshot(
    at time: Timestamp, tenant: TenantID
  ) async throws(CatalogError) -> SnapshotRecord {
    // The index of times finds where to begin. Times of ours rise with the ids; another program's
    // may lie before ours of a smaller id, so the time is asked once more.
    try await oneSnapshot(
      """
      w.snapshot_id <= (
        SELECT near.snapshot_id FROM ducklake_snapshot near
        WHERE near.snapshot_time <= \(SQLFunction.timestamp.name)($2)
        ORDER BY near.snapshot_time DESC LIMIT 1)
      AND s.snapshot_time <= \(SQLFunction.timestamp.name)($2)
      """,
      [.int64(tenant.rawValue), .int64(Self.bounded(time).microseconds)])
  }

  /// PostgreSQL's timestamps end where no snapshot lies.
  static func bounded(_ time: Timestamp) -> Timestamp {
    let (oldest, newest) = (Timestamp(microseconds: 0), Timestamp(microseconds: 1 << 57))
    return min(max(time, oldest), newest)
  }

  package func watermarks(
    after snapshot: SnapshotID
  ) async throws(CatalogError) -> [TenantWatermark] {
    let rows = try await call(
      """
      SELECT DISTINCT ON (tenant_id) tenant_id, watermark, snapshot_id FROM duckmesh_watermark
      WHERE snapshot_id > $1 ORDER BY tenant_id, snapshot_id DESC
      """,
      [.int64(snapshot.rawValue)])
    return (0..<rows.count).map { row in
      TenantWatermark(
        tenant: TenantID(rows.int64(row, 0)), watermark: VisibilityToken(rows.int64(row, 1)),
        snapshot: SnapshotID(rows.int64(row, 2)))
    }
  }

  package func snapshots(
    tenant: TenantID, before id: SnapshotID?, limit: Int
  ) async throws(CatalogError) -> [SnapshotRecord] {
    let rows = try await call(
      snapshotSelection("w.snapshot_id < $2", limit: "$3"),
      [.int64(tenant.rawValue), .int64(id?.rawValue ?? .max), .int64(Int64(limit))])
    return (0..<rows.count).map { Self.snapshot(rows, $0, from: 0) }
  }

  private func oneSnapshot(
    _ condition: String, _ values: [PostgreSQLValue]
  ) async throws(CatalogError) -> SnapshotRecord {
    let rows = try await call(snapshotSelection(condition), values)
    guard rows.count > 0 else { throw .snapshotNotFound }
    return Self.snapshot(rows, 0, from: 0)
  }

  /// The snapshots of tenant $1 that satisfy `condition`, newest first.
  ///
  /// - Parameter limit: a number where there is one: a plan for any limit looks so much worse than
  ///   one for the limit at hand that the statement would be planned each time it is run.
  private func snapshotSelection(_ condition: String, limit: String = "1") -> String {
    """
    SELECT w.snapshot_id, \(SQLFunction.microseconds.name)(s.snapshot_time), c.author, w.watermark,
      (SELECT max(p.snapshot_id) FROM duckmesh_watermark p
        WHERE p.tenant_id = $1 AND p.snapshot_id < w.snapshot_id),
      p.created_at, p.expires_at, p.pin_name, r.restored_from
    FROM duckmesh_watermark w JOIN ducklake_snapshot s USING (snapshot_id)
    LEFT JOIN ducklake_snapshot_changes c USING (snapshot_id)
    \(PinSQL.join(now: "\(SQLFunction.now.name)(\(database.wallOverrideText))"))
    LEFT JOIN duckmesh_restore r
      ON r.tenant_id = w.tenant_id AND r.snapshot_id = w.snapshot_id
    WHERE w.tenant_id = $1 AND \(condition) ORDER BY w.snapshot_id DESC LIMIT \(limit)
    """
  }

  private static func snapshot(
    _ rows: PostgreSQLRows, _ row: Int, from first: Int
  ) -> SnapshotRecord {
    SnapshotRecord(
      id: SnapshotID(rows.int64(row, first)),
      time: Timestamp(microseconds: rows.int64(row, first + 1)),
      createdBy: rows.text(row, first + 2),
      watermark: VisibilityToken(rows.int64(row, first + 3)),
      parent: rows.optionalInt64(row, first + 4).map(SnapshotID.init),
      pin: rows.optionalInt64(row, first + 5).map { createdAt in
        SnapshotPin(
          snapshot: SnapshotID(rows.int64(row, first)),
          name: rows.optionalText(row, first + 7), createdAt: Timestamp(microseconds: createdAt),
          expiresAt: rows.optionalInt64(row, first + 6).map { Timestamp(microseconds: $0) })
      },
      restoredFrom: rows.optionalInt64(row, first + 8).map(SnapshotID.init))
  }

  package func contents(
    of snapshots: [SnapshotID], tenant: TenantID
  ) async throws(CatalogError) -> [SnapshotID: [TableContent]] {
    let rows = try await call(
      Self.contentSelection, [.int64(tenant.rawValue), .int64s(snapshots.map(\.rawValue))])
    var contents: [SnapshotID: [TableContent]] = [:]
    for row in 0..<rows.count {
      let snapshot = SnapshotID(rows.int64(row, 0))
      // A snapshot without tables has a row of its own.
      guard let name = rows.optionalText(row, 1) else {
        contents[snapshot] = []
        continue
      }
      contents[snapshot, default: []].append(
        TableContent(
          name: name, watermark: VisibilityToken(rows.int64(row, 5)),
          files: Int(rows.int64(row, 2)), rows: rows.int64(row, 4), bytes: rows.int64(row, 3)))
    }
    return contents
  }

  private static let contentSelection = """
    SELECT a.snapshot_id, t.table_name, f.files, f.bytes, coalesce(l.table_rows, 0),
      coalesce(l.last_token, 0)
    FROM unnest($2) AS a(snapshot_id)
    JOIN ducklake_snapshot s ON s.snapshot_id = a.snapshot_id
    LEFT JOIN duckmesh_table t ON t.tenant_id = $1 AND \(TableHistorySQL.isShown(at: "a.snapshot_id"))
    CROSS JOIN LATERAL (
      SELECT count(*) AS files, coalesce(sum(k.file_size_bytes), 0)::BIGINT AS bytes
      FROM ducklake_data_file k WHERE k.table_id = t.table_id
        AND k.begin_snapshot <= a.snapshot_id
        AND (k.end_snapshot IS NULL OR k.end_snapshot > a.snapshot_id)) f
    LEFT JOIN LATERAL (
      SELECT k.table_rows, k.last_token FROM duckmesh_ledger k
      WHERE k.tenant_id = $1 AND k.table_id = t.table_id AND k.snapshot_id <= a.snapshot_id
      ORDER BY k.snapshot_id DESC LIMIT 1) l ON TRUE
    ORDER BY a.snapshot_id, lower(t.table_name)
    """

  package func progress(tenant: TenantID) async throws(CatalogError) -> TenantProgress {
    let rows = try await call(
      """
      SELECT h.head, c.watermark,
        c.dead_lettered - c.replayed - c.discarded,
        (SELECT published_at FROM duckmesh_segment
          WHERE tenant_id = $1 AND first_token > c.watermark ORDER BY first_token LIMIT 1),
        \(VoidRows.columns("h.tenant_id")), latest.*
      FROM duckmesh_head h JOIN duckmesh_consumer c USING (tenant_id)
      CROSS JOIN LATERAL (\(snapshotSelection("TRUE"))) AS latest(
        snapshot_id, snapshot_time, author, shown, parent, pinned_at, pinned_until, pin_name,
        restored_from)
      WHERE h.tenant_id = $1
      """,
      [.int64(tenant.rawValue)])
    guard rows.count > 0 else { throw .damaged(reason: "tenant without its rows") }
    return TenantProgress(
      head: VisibilityToken(rows.int64(0, 0)), watermark: VisibilityToken(rows.int64(0, 1)),
      latest: Self.snapshot(rows, 0, from: 6), deadLetters: rows.int64(0, 2),
      oldestPendingAt: rows.optionalInt64(0, 3).map { Timestamp(microseconds: $0) },
      voids: VoidRows.ranges(rows, 0, from: 4))
  }
}
