import Consistency
import Model
import SQLite

/// The newest snapshot row, which every commit reads under the write lock and goes one beyond.
struct LakeHead {
  private(set) var snapshot: SnapshotID
  private(set) var time: Timestamp
  var schemaVersion: Int64
  private(set) var nextCatalogID: Int64
  private(set) var nextFileID: Int64

  static func read(_ connection: SQLiteConnection) throws(SQLiteError) -> LakeHead {
    let row = try connection.statement(
      """
      SELECT snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id
      FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1
      """)
    guard try row.step(), let time = Timestamp(parsing: row.text(1)) else {
      throw .corrupt(message: "the lake has no snapshot")
    }
    defer { row.reset() }
    return LakeHead(
      snapshot: SnapshotID(row.int64(0)), time: time, schemaVersion: row.int64(2),
      nextCatalogID: row.int64(3), nextFileID: row.int64(4))
  }

  /// Goes to the snapshot that the commit makes.
  mutating func advance(now: Timestamp) {
    snapshot = SnapshotID(snapshot.rawValue + 1)
    time = CommitRules.snapshotTime(now: now, previous: time)
  }

  /// Goes so far that no number of a life that was lost comes again.
  mutating func skip(_ jump: Int64, now: Timestamp) {
    snapshot = SnapshotID(snapshot.rawValue + jump)
    time = CommitRules.snapshotTime(now: now, previous: time)
    schemaVersion += jump
    nextCatalogID += jump
    nextFileID += jump
  }

  mutating func takeCatalogID() -> Int64 {
    defer { nextCatalogID += 1 }
    return nextCatalogID
  }

  mutating func takeFileID() -> Int64 {
    defer { nextFileID += 1 }
    return nextFileID
  }

  /// Writes the snapshot and what it changed.
  ///
  /// - Parameter changes: DuckLake's own change words only; other writers fail on invented ones.
  func write(
    changes: [String], author: String, extra: String?, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement("INSERT INTO ducklake_snapshot VALUES (?, ?, ?, ?, ?)")
      .bind(snapshot.rawValue, at: 1).bind(time.catalogText, at: 2).bind(schemaVersion, at: 3)
      .bind(nextCatalogID, at: 4).bind(nextFileID, at: 5).run()
    try connection.statement("INSERT INTO ducklake_snapshot_changes VALUES (?, ?, ?, NULL, ?)")
      .bind(snapshot.rawValue, at: 1).bind(changes.joined(separator: ","), at: 2)
      .bind(author, at: 3).bind(extra, at: 4).run()
  }

  /// Writes a tenant's watermark at this snapshot, which makes the snapshot one of the tenant's.
  func writeWatermark(
    _ watermark: VisibilityToken, tenant: TenantID, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement("INSERT INTO duckmesh_watermark VALUES (?, ?, ?)")
      .bind(tenant.rawValue, at: 1).bind(snapshot.rawValue, at: 2)
      .bind(watermark.rawValue, at: 3).run()
  }
}
