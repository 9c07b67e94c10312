import Consistency
import IngestBus
import Model
import SQLite

/// A tenant's row of lease and watermark.
struct ConsumerRow {
  let watermark: VisibilityToken
  let lease: LeaseState

  static func read(
    _ tenant: TenantID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> ConsumerRow? {
    let statement = try connection.statement(
      "SELECT watermark, epoch, owner, leased_until FROM duckmesh_consumer WHERE tenant_id = ?"
    ).bind(tenant.rawValue, at: 1)
    guard try statement.step() else { return nil }
    defer { statement.reset() }
    return ConsumerRow(
      watermark: VisibilityToken(statement.int64(0)),
      lease: LeaseState(
        epoch: LeaseEpoch(statement.int64(1)), owner: statement.optionalText(2).map(OwnerID.init),
        leasedUntil: Timestamp(microseconds: statement.int64(3))))
  }

  static func writeLease(
    _ lease: LeaseState, tenant: TenantID, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement(
      "UPDATE duckmesh_consumer SET epoch = ?, owner = ?, leased_until = ? WHERE tenant_id = ?"
    ).bind(lease.epoch.rawValue, at: 1).bind(lease.owner?.rawValue, at: 2)
      .bind(lease.leasedUntil.microseconds, at: 3).bind(tenant.rawValue, at: 4).run()
  }
}

/// A tenant's last issued token.
enum HeadRow {
  static func read(
    _ tenant: TenantID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> VisibilityToken? {
    let statement = try connection.statement(
      "SELECT head FROM duckmesh_head WHERE tenant_id = ?"
    ).bind(tenant.rawValue, at: 1)
    guard try statement.step() else { return nil }
    defer { statement.reset() }
    return VisibilityToken(statement.int64(0))
  }

  static func write(
    _ head: VisibilityToken, tenant: TenantID, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement("UPDATE duckmesh_head SET head = ? WHERE tenant_id = ?")
      .bind(head.rawValue, at: 1).bind(tenant.rawValue, at: 2).run()
  }
}

/// One idempotency key with its first receipt.
enum KeyRow {
  static func read(
    _ key: KeyHash, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> KeyReceipt? {
    let statement = try connection.statement(
      "SELECT token, content FROM duckmesh_key WHERE key = ?"
    ).bind(key.bytes, at: 1)
    guard try statement.step() else { return nil }
    defer { statement.reset() }
    return KeyReceipt(token: VisibilityToken(statement.int64(0)), content: statement.int64(1))
  }

  /// - Returns: false when the key was there; nothing is changed then.
  static func insert(
    _ record: PublishRequest.Record, token: VisibilityToken, table: TableID, day: Int64,
    _ connection: SQLiteConnection
  ) throws(SQLiteError) -> Bool {
    try connection.statement(
      """
      INSERT OR IGNORE INTO duckmesh_key(key, token, content, table_id, day)
      VALUES (?, ?, ?, ?, ?)
      """
    ).bind(record.key.bytes, at: 1).bind(token.rawValue, at: 2).bind(record.content, at: 3)
      .bind(table.rawValue, at: 4).bind(day, at: 5).run()
    return connection.changes == 1
  }

  static func delete(_ key: KeyHash, _ connection: SQLiteConnection) throws(SQLiteError) {
    try connection.statement("DELETE FROM duckmesh_key WHERE key = ?").bind(key.bytes, at: 1).run()
  }
}

/// A tenant's void tokens.
enum VoidRows {
  static func read(
    _ tenant: TenantID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> VoidRanges {
    let row = try connection.statement(
      "SELECT first_token, last_token FROM duckmesh_void WHERE tenant_id = ?"
    ).bind(tenant.rawValue, at: 1)
    var ranges: [VoidRanges.Range] = []
    while try row.step() {
      let (first, last) = (VisibilityToken(row.int64(0)), VisibilityToken(row.int64(1)))
      guard first <= last else { throw .corrupt(message: "a void range ends before it begins") }
      ranges.append(VoidRanges.Range(first: first, last: last))
    }
    return VoidRanges(ranges)
  }
}
