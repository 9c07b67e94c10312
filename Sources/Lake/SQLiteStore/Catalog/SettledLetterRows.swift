import Catalog
import Model
import SQLite

/// Dead letters that are none any more, and the tombstones that open ones need.
enum SettledLetterRows {
  static func read(
    _ id: Int64, tenant: TenantID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> SettledLetter? {
    let row = try connection.statement(
      """
      SELECT dead_letter_id, token, settlement, snapshot_id FROM duckmesh_settled_letter
      WHERE dead_letter_id = ? AND tenant_id = ?
      """
    ).bind(id, at: 1).bind(tenant.rawValue, at: 2)
    defer { row.reset() }
    return try row.step() ? try letter(row) : nil
  }

  static func letter(_ row: SQLiteStatement) throws(SQLiteError) -> SettledLetter {
    guard let settlement = LetterSettlement(rawValue: row.text(2)) else {
      throw .corrupt(message: "a dead letter was settled in a way that is not known")
    }
    return SettledLetter(
      id: row.int64(0), token: VisibilityToken(row.int64(1)), settlement: settlement,
      snapshot: row.optionalInt64(3).map(SnapshotID.init))
  }

  /// Moves an open letter here.
  static func settle(
    _ id: Int64, _ settlement: LetterSettlement, at snapshot: SnapshotID?, now: Timestamp,
    _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement(
      """
      INSERT INTO duckmesh_settled_letter(dead_letter_id, tenant_id, table_id, token, settlement,
        snapshot_id, settled_at)
      SELECT dead_letter_id, tenant_id, table_id, token, ?2, ?3, ?4 FROM duckmesh_dead_letter
      WHERE dead_letter_id = ?1
      """
    ).bind(id, at: 1).bind(settlement.rawValue, at: 2).bind(snapshot?.rawValue, at: 3)
      .bind(now.microseconds, at: 4).run()
    try connection.statement("DELETE FROM duckmesh_dead_letter WHERE dead_letter_id = ?")
      .bind(id, at: 1).run()
  }

  /// Forgets deleted keys that no open letter could bring back.
  static func forgetTombstones(
    of table: TableID, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement(
      """
      DELETE FROM duckmesh_key_tombstone WHERE table_id = ?1 AND token < coalesce(
        (SELECT min(token) FROM duckmesh_dead_letter WHERE table_id = ?1), 9223372036854775807)
      """
    ).bind(table.rawValue, at: 1).run()
  }

  /// Keeps a deleted key where an open letter has a lower token.
  static func keep(
    _ tombstone: KeyTombstone, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement(
      """
      INSERT INTO duckmesh_key_tombstone(table_id, key_hash, token)
      SELECT ?1, ?2, ?3 WHERE EXISTS (
        SELECT 1 FROM duckmesh_dead_letter WHERE table_id = ?1 AND token < ?3)
      ON CONFLICT (table_id, key_hash) DO UPDATE SET token = max(token, excluded.token)
      """
    ).bind(tombstone.table.rawValue, at: 1).bind(tombstone.keyHash, at: 2)
      .bind(tombstone.token.rawValue, at: 3).run()
  }
}
