import Catalog
import LakeTables
import Model
import SQLite

extension SQLiteCatalog {
  package func pin(
    _ snapshot: SnapshotID, name: String?, expiresAt: Timestamp?, tenant: TenantID, limit: Int
  ) async throws(CatalogError) -> SnapshotPin? {
    let clock = database.clock
    return try await write { (connection) throws(CatalogError) in
      let isThere = try mapping(CatalogError.init) { () throws(SQLiteError) in
        try Self.isShown(snapshot, to: tenant, connection)
      }
      guard isThere else { throw .snapshotNotFound }
      let pin = SnapshotPin(
        snapshot: snapshot, name: name, createdAt: clock.wall(), expiresAt: expiresAt)
      return try mapping(CatalogError.init) { () throws(SQLiteError) in
        let rows = PinRows(tenant: tenant, now: pin.createdAt, connection: connection)
        guard try rows.count(ofHolds: false, besides: snapshot) < limit else { return nil }
        try rows.write(pin)
        return pin
      }
    }
  }

  package func unpin(
    _ snapshot: SnapshotID, tenant: TenantID
  ) async throws(CatalogError) -> Bool {
    let clock = database.clock
    return try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        try PinRows.sweep(now: clock.wall(), connection)
        try connection.statement(
          "DELETE FROM duckmesh_pin WHERE tenant_id = ? AND holder = '' AND first_snapshot = ?"
        ).bind(tenant.rawValue, at: 1).bind(snapshot.rawValue, at: 2).run()
        return connection.changes > 0
      }
    }
  }

  package func hold(
    _ snapshots: ClosedRange<SnapshotID>, tenant: TenantID, leaseMs: Int, limit: Int
  ) async throws(CatalogError) -> SnapshotHold? {
    let clock = database.clock
    return try await write { (connection) throws(CatalogError) in
      let isThere = try mapping(CatalogError.init) { () throws(SQLiteError) in
        try Self.exists(snapshots.lowerBound, connection)
      }
      guard isThere else { throw .snapshotNotFound }
      return try mapping(CatalogError.init) { () throws(SQLiteError) in
        let rows = PinRows(tenant: tenant, now: clock.wall(), connection: connection)
        guard try rows.count(ofHolds: true, besides: nil) < limit else { return nil }
        let hold = SnapshotHold(tenant: tenant, id: RandomHex.digits(24))
        try rows.write(hold, over: snapshots, leaseMs: leaseMs)
        return hold
      }
    }
  }

  package func release(_ hold: SnapshotHold) async throws(CatalogError) {
    try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        try connection.statement("DELETE FROM duckmesh_pin WHERE tenant_id = ? AND holder = ?")
          .bind(hold.tenant.rawValue, at: 1).bind(hold.id, at: 2).run()
      }
    }
  }

  package func sweepPins() async throws(CatalogError) -> Int {
    let clock = database.clock
    return try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        try PinRows.sweep(now: clock.wall(), connection)
      }
    }
  }

  private static func isShown(
    _ snapshot: SnapshotID, to tenant: TenantID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> Bool {
    let row = try connection.statement(
      """
      SELECT 1 FROM duckmesh_watermark w JOIN ducklake_snapshot s USING (snapshot_id)
      WHERE w.tenant_id = ? AND w.snapshot_id = ?
      """
    ).bind(tenant.rawValue, at: 1).bind(snapshot.rawValue, at: 2)
    defer { row.reset() }
    return try row.step()
  }

  /// The instant before which files may have been taken out of the lake that no hold keeps.
  static func unheld(
    _ before: Timestamp, now: Timestamp, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> Timestamp {
    let row = try connection.prepare(
      "SELECT min(created_at) FROM duckmesh_pin p WHERE holder <> '' AND "
        + PinSQL.isLive("p", now: "?1")
    ).bind(now.microseconds, at: 1)
    guard try row.step() else { return before }
    defer { row.reset() }
    guard let oldest = row.optionalInt64(0) else { return before }
    return min(before, Timestamp(microseconds: oldest - PinSQL.holdMarginMicroseconds))
  }
}

/// The pins and holds of one tenant inside a transaction.
private struct PinRows {
  let tenant: TenantID
  let now: Timestamp
  let connection: SQLiteConnection

  /// Pins or holds that have not ended, one snapshot's left out.
  func count(ofHolds: Bool, besides snapshot: SnapshotID?) throws(SQLiteError) -> Int {
    try Self.sweep(now: now, connection)
    let row = try connection.statement(
      """
      SELECT count(*) FROM duckmesh_pin
      WHERE tenant_id = ?1 AND (holder <> '') = ?2 AND first_snapshot IS NOT ?3
      """
    ).bind(tenant.rawValue, at: 1).bind(Int64(ofHolds ? 1 : 0), at: 2)
      .bind(ofHolds ? nil : snapshot?.rawValue, at: 3)
    _ = try row.step()
    defer { row.reset() }
    return Int(row.int64(0))
  }

  func write(_ pin: SnapshotPin) throws(SQLiteError) {
    try connection.statement(
      "INSERT OR REPLACE INTO duckmesh_pin VALUES (?1, '', ?2, ?2, ?3, ?4, ?5)"
    ).bind(tenant.rawValue, at: 1).bind(pin.snapshot.rawValue, at: 2).bind(pin.name, at: 3)
      .bind(pin.createdAt.microseconds, at: 4).bind(pin.expiresAt?.microseconds, at: 5).run()
  }

  func write(
    _ hold: SnapshotHold, over snapshots: ClosedRange<SnapshotID>, leaseMs: Int
  ) throws(SQLiteError) {
    try connection.statement("INSERT INTO duckmesh_pin VALUES (?, ?, ?, ?, NULL, ?, ?)")
      .bind(tenant.rawValue, at: 1).bind(hold.id, at: 2)
      .bind(snapshots.lowerBound.rawValue, at: 3).bind(snapshots.upperBound.rawValue, at: 4)
      .bind(now.microseconds, at: 5).bind(now.microseconds + Int64(leaseMs) * 1_000, at: 6).run()
  }

  /// - Returns: how many had ended.
  @discardableResult
  static func sweep(
    now: Timestamp, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> Int {
    try connection.statement("DELETE FROM duckmesh_pin WHERE expires_at <= ?")
      .bind(now.microseconds, at: 1).run()
    return Int(connection.changes)
  }
}
