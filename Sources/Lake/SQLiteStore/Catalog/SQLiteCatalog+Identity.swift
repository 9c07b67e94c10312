import Catalog
import Consistency
import LakeTables
import Model
import SQLite

extension SQLiteCatalog: IdentityCatalog {
  package func state() async throws(CatalogError) -> LakeState {
    try await read { (connection) throws(SQLiteError) in
      LakeState(
        identity: try IdentityRows.read(connection),
        mark: LakeMark(
          snapshot: try LakeHead.read(connection).snapshot,
          issued: try IdentityRows.issuedTokens(connection)))
    }
  }

  /// Gives the catalog another nonce: a copy that was taken before has not got it.
  package func renew(nonce: String) async throws(CatalogError) {
    try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        try IdentityRows.write("nonce", nonce, connection)
      }
    }
  }

  package func adopt(
    from found: Int64, to generation: Int64
  ) async throws(CatalogError) -> Adoption? {
    let clock = database.clock
    return try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        let identity = try IdentityRows.read(connection)
        guard identity.generation == found else { return nil }
        return try AdoptionTransaction(
          identity: identity, generation: generation, now: clock.wall(), connection: connection
        ).run()
      }
    }
  }
}

/// What the catalog says of itself.
enum IdentityRows {
  static func read(_ connection: SQLiteConnection) throws(SQLiteError) -> LakeIdentity {
    guard let lake = try value("lake", connection), let nonce = try value("nonce", connection)
    else { throw .corrupt(message: "the catalog does not say which lake it is") }
    return LakeIdentity(lake: lake, generation: try generation(connection), backend: nonce)
  }

  static func generation(_ connection: SQLiteConnection) throws(SQLiteError) -> Int64 {
    guard let text = try value("generation", connection), let generation = Int64(text),
      generation >= LakeGeneration.first
    else { throw .corrupt(message: "the catalog does not say which generation it is") }
    return generation
  }

  static func issuedTokens(_ connection: SQLiteConnection) throws(SQLiteError) -> Int64 {
    let row = try connection.statement("SELECT coalesce(sum(head), 0) FROM duckmesh_head")
    _ = try row.step()
    defer { row.reset() }
    return row.int64(0)
  }

  static func write(
    _ key: String, _ value: String, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement("UPDATE duckmesh_meta SET value = ? WHERE key = ?")
      .bind(value, at: 1).bind(key, at: 2).run()
  }

  private static func value(
    _ key: String, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> String? {
    let row = try connection.statement("SELECT value FROM duckmesh_meta WHERE key = ?")
      .bind(key, at: 1)
    guard try row.step() else { return nil }
    defer { row.reset() }
    return row.text(0)
  }
}

/// One adoption inside its transaction.
private struct AdoptionTransaction {
  let identity: LakeIdentity
  let generation: Int64
  let now: Timestamp
  let connection: SQLiteConnection

  private var jump: Int64 { LakeGeneration.jump(from: identity.generation, to: generation) }

  func run() throws(SQLiteError) -> Adoption {
    let restored = try LakeHead.read(connection)
    var head = restored
    head.skip(jump, now: now)
    try raiseEpochs()
    let pending = try pendingEvents()
    try voidTokens(snapshot: head.snapshot)
    try carryWatermarks(head)
    try skipDeadLetterNumbers()
    // No word of DuckLake's: nothing of the lake has changed.
    try head.write(
      changes: [], author: "duckmesh", extra: "{\"adopted_generation\":\(generation)}", connection)
    try connection.statement("INSERT INTO duckmesh_adoption VALUES (?, ?, ?, ?, ?, ?)")
      .bind(generation, at: 1).bind(now.microseconds, at: 2).bind(restored.snapshot.rawValue, at: 3)
      .bind(head.snapshot.rawValue, at: 4).bind(restored.nextCatalogID, at: 5)
      .bind(head.nextCatalogID, at: 6).run()
    let nonce = UUIDText.random()
    try IdentityRows.write("generation", "\(generation)", connection)
    try IdentityRows.write("nonce", nonce, connection)
    return Adoption(
      identity: LakeIdentity(lake: identity.lake, generation: generation, backend: nonce),
      restored: restored.snapshot, opened: head.snapshot, tenants: try tenantCount(),
      pending: pending)
  }

  private func raiseEpochs() throws(SQLiteError) {
    let rise = LakeGeneration.epochStride * (generation - identity.generation)
    for table in ["duckmesh_consumer", "duckmesh_table_lease"] {
      try connection.prepare(
        "UPDATE \(table) SET epoch = epoch + ?, owner = NULL, leased_until = 0"
      ).bind(rise, at: 1).run()
    }
    // Tables that nobody has merged yet may have been merged in the life that was lost.
    try connection.prepare(
      """
      INSERT INTO duckmesh_table_lease(table_id, epoch, owner, leased_until)
      SELECT table_id, ?, NULL, 0 FROM duckmesh_table WHERE TRUE ON CONFLICT (table_id) DO NOTHING
      """
    ).bind(rise, at: 1).run()
  }

  private func pendingEvents() throws(SQLiteError) -> Int64 {
    try number(
      """
      SELECT coalesce(sum(h.head - c.watermark
        - \(VoidSQL.count("h.tenant_id", "v.first_token > c.watermark"))), 0)
      FROM duckmesh_head h JOIN duckmesh_consumer c USING (tenant_id)
      """)
  }

  private func tenantCount() throws(SQLiteError) -> Int {
    Int(try number("SELECT count(*) FROM duckmesh_tenant"))
  }

  private func number(_ sql: String) throws(SQLiteError) -> Int64 {
    let row = try connection.prepare(sql)
    _ = try row.step()
    return row.int64(0)
  }

  /// A watermark that is at the head goes with it; one that is not steps over the range when it
  /// comes to it. A range that ends at the head grows, so that ranges stay apart.
  private func voidTokens(snapshot: SnapshotID) throws(SQLiteError) {
    try connection.prepare(
      """
      UPDATE duckmesh_consumer SET watermark = watermark + ?1
      WHERE watermark = (SELECT head FROM duckmesh_head h
        WHERE h.tenant_id = duckmesh_consumer.tenant_id)
      """
    ).bind(jump, at: 1).run()
    try connection.prepare(
      """
      INSERT INTO duckmesh_void(tenant_id, first_token, last_token, snapshot_id, recorded_at)
      SELECT tenant_id, head + 1, head + ?1, ?2, ?3 FROM duckmesh_head h WHERE NOT EXISTS (
        SELECT 1 FROM duckmesh_void v WHERE v.tenant_id = h.tenant_id AND v.last_token = h.head)
      """
    ).bind(jump, at: 1).bind(snapshot.rawValue, at: 2).bind(now.microseconds, at: 3).run()
    try connection.prepare(
      """
      UPDATE duckmesh_void SET last_token = last_token + ?1
      WHERE last_token = (SELECT head FROM duckmesh_head h
        WHERE h.tenant_id = duckmesh_void.tenant_id)
      """
    ).bind(jump, at: 1).run()
    try connection.prepare("UPDATE duckmesh_head SET head = head + ?").bind(jump, at: 1).run()
  }

  /// The new snapshot is one of every tenant's.
  private func carryWatermarks(_ head: LakeHead) throws(SQLiteError) {
    try connection.prepare(
      """
      INSERT INTO duckmesh_watermark(tenant_id, snapshot_id, watermark)
      SELECT tenant_id, ?, watermark FROM duckmesh_consumer
      """
    ).bind(head.snapshot.rawValue, at: 1).run()
  }

  private func skipDeadLetterNumbers() throws(SQLiteError) {
    try connection.prepare(
      "UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'duckmesh_dead_letter'"
    ).bind(jump, at: 1).run()
    guard connection.changes == 0 else { return }
    try connection.prepare("INSERT INTO sqlite_sequence VALUES ('duckmesh_dead_letter', ?)")
      .bind(jump, at: 1).run()
  }
}
