import Catalog
import Consistency
import LakeTables
import Model
import SQLite

extension SQLiteCatalog {
  package func deadLetterCount(tenant: TenantID) async throws(CatalogError) -> Int64 {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.statement(
        """
        SELECT dead_lettered - replayed - discarded FROM duckmesh_consumer WHERE tenant_id = ?
        """
      ).bind(tenant.rawValue, at: 1)
      defer { row.reset() }
      return try row.step() ? row.int64(0) : 0
    }
  }

  package func deadLetters(
    tenant: TenantID, matching filter: DeadLetterFilter, after id: Int64?, limit: Int
  ) async throws(CatalogError) -> [DeadLetterRecord] {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.prepare(
        """
        SELECT d.dead_letter_id, d.table_id, t.table_name, d.token, d.reason, d.message,
          d.idempotency_key, d.payload, d.created_at, d.schema_version, d.operation,
          d.replay_wanted
        FROM duckmesh_dead_letter d JOIN duckmesh_table t USING (table_id)
        WHERE d.tenant_id = ?1 AND d.dead_letter_id > ?2
          AND (?4 IS NULL OR lower(t.table_name) = lower(?4)) AND (?5 IS NULL OR d.reason = ?5)
          \(Self.among("d.token", filter.tokens?.map(\.rawValue)))
          \(Self.among("d.dead_letter_id", filter.ids))
          \(Self.within("d.token", filter.tokenRange))
        ORDER BY d.dead_letter_id LIMIT ?3
        """
      ).bind(tenant.rawValue, at: 1).bind(id ?? 0, at: 2).bind(Int64(limit), at: 3)
        .bind(filter.tableName, at: 4).bind(filter.reason, at: 5)
      var letters: [DeadLetterRecord] = []
      while try row.step() {
        letters.append(
          DeadLetterRecord(
            id: row.int64(0), tenant: tenant, table: TableID(row.int64(1)),
            tableName: row.text(2), token: VisibilityToken(row.int64(3)), reason: row.text(4),
            message: row.text(5), idempotencyKey: row.bytes(6), payload: row.bytes(7),
            schemaVersion: row.int64(9), operation: UInt8(truncatingIfNeeded: row.int64(10)),
            isWanted: row.int64(11) != 0, createdAt: Timestamp(microseconds: row.int64(8))))
      }
      return letters
    }
  }

  private static func within(_ column: String, _ range: ClosedRange<VisibilityToken>?) -> String {
    range.map {
      "AND \(column) BETWEEN \($0.lowerBound.rawValue) AND \($0.upperBound.rawValue)"
    } ?? ""
  }

  /// Numbers only: a list of them is safe to write into the text.
  private static func among(_ column: String, _ numbers: [Int64]?) -> String {
    numbers.map { "AND \(column) IN (\($0.map(String.init).joined(separator: ",")))" } ?? ""
  }

  package func standings(
    of ids: [Int64], tenant: TenantID
  ) async throws(CatalogError) -> [Int64: LetterStanding] {
    try await read { (connection) throws(SQLiteError) in
      try Self.standings(of: ids, tenant: tenant, connection)
    }
  }

  package func standings(
    of tokens: [VisibilityToken], tenant: TenantID
  ) async throws(CatalogError) -> [VisibilityToken: LetterStanding] {
    try await read { (connection) throws(SQLiteError) in
      var standings: [VisibilityToken: LetterStanding] = [:]
      for token in tokens {
        standings[token] = try Self.standing(
          connection.statement(
            """
            SELECT replay_revision, replay_wanted, reason, message FROM duckmesh_dead_letter
            WHERE tenant_id = ? AND token = ?
            """),
          connection.statement(
            """
            SELECT dead_letter_id, token, settlement, snapshot_id FROM duckmesh_settled_letter
            WHERE tenant_id = ? AND token = ?
            """), tenant: tenant, number: token.rawValue)
      }
      return standings
    }
  }

  package func settledLetters(
    in range: ClosedRange<VisibilityToken>, tenant: TenantID, limit: Int
  ) async throws(CatalogError) -> SettledRange {
    try await read { (connection) throws(SQLiteError) in
      let newest = try connection.statement(
        """
        SELECT max(snapshot_id) FROM duckmesh_settled_letter
        WHERE tenant_id = ? AND token BETWEEN ? AND ?
        """
      ).bind(tenant.rawValue, at: 1).bind(range.lowerBound.rawValue, at: 2)
        .bind(range.upperBound.rawValue, at: 3)
      let snapshot = try newest.step() ? newest.optionalInt64(0) : nil
      newest.reset()
      let row = try connection.statement(
        """
        SELECT dead_letter_id, token, settlement, snapshot_id FROM duckmesh_settled_letter
        WHERE tenant_id = ? AND token BETWEEN ? AND ? AND settlement = ?
        ORDER BY token LIMIT ?
        """
      ).bind(tenant.rawValue, at: 1).bind(range.lowerBound.rawValue, at: 2)
        .bind(range.upperBound.rawValue, at: 3)
        .bind(LetterSettlement.discarded.rawValue, at: 4).bind(Int64(limit), at: 5)
      defer { row.reset() }
      var discarded: [SettledLetter] = []
      while try row.step() { discarded.append(try SettledLetterRows.letter(row)) }
      return SettledRange(
        discarded: discarded, newestSnapshot: snapshot.map(SnapshotID.init))
    }
  }

  fileprivate static func standings(
    of ids: [Int64], tenant: TenantID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> [Int64: LetterStanding] {
    var standings: [Int64: LetterStanding] = [:]
    for id in ids {
      standings[id] = try standing(
        connection.statement(
          """
          SELECT replay_revision, replay_wanted, reason, message FROM duckmesh_dead_letter
          WHERE tenant_id = ? AND dead_letter_id = ?
          """),
        connection.statement(
          """
          SELECT dead_letter_id, token, settlement, snapshot_id FROM duckmesh_settled_letter
          WHERE tenant_id = ? AND dead_letter_id = ?
          """), tenant: tenant, number: id)
    }
    return standings
  }

  private static func standing(
    _ open: SQLiteStatement, _ settled: SQLiteStatement, tenant: TenantID, number: Int64
  ) throws(SQLiteError) -> LetterStanding? {
    defer {
      open.reset()
      settled.reset()
    }
    if try open.bind(tenant.rawValue, at: 1).bind(number, at: 2).step() {
      return .open(
        revision: open.int64(0), isWanted: open.int64(1) != 0, reason: open.text(2),
        message: open.text(3))
    }
    guard try settled.bind(tenant.rawValue, at: 1).bind(number, at: 2).step() else { return nil }
    return .settled(try SettledLetterRows.letter(settled))
  }

  package func discard(
    letter id: Int64, tenant: TenantID
  ) async throws(CatalogError) -> SettledLetter? {
    let clock = database.clock
    return try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        let row = try connection.statement(
          "SELECT table_id FROM duckmesh_dead_letter WHERE dead_letter_id = ? AND tenant_id = ?"
        ).bind(id, at: 1).bind(tenant.rawValue, at: 2)
        let table = try row.step() ? TableID(row.int64(0)) : nil
        row.reset()
        if let table {
          try SettledLetterRows.settle(id, .discarded, at: nil, now: clock.wall(), connection)
          try connection.statement(
            "UPDATE duckmesh_consumer SET discarded = discarded + 1 WHERE tenant_id = ?"
          ).bind(tenant.rawValue, at: 1).run()
          try SettledLetterRows.forgetTombstones(of: table, connection)
        }
        return try SettledLetterRows.read(id, tenant: tenant, connection)
      }
    }
  }
}

extension SQLiteCatalog {
  package func requestReplays(
    _ requests: [ReplayRequest], tenant: TenantID
  ) async throws(CatalogError) -> [Int64: LetterStanding] {
    try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        for request in requests {
          let update = try connection.statement(
            """
            UPDATE duckmesh_dead_letter SET replay_revision = replay_revision + 1,
              replay_wanted = 1, replay_payload = ?3, replay_schema_version = ?4
            WHERE dead_letter_id = ?1 AND tenant_id = ?2
              AND (replay_wanted = 0 OR replay_payload IS NOT ?3)
            """
          ).bind(request.letter, at: 1).bind(tenant.rawValue, at: 2)
            .bind(request.schemaVersion, at: 4)
          if let payload = request.payload {
            try update.bind(payload, at: 3).run()
          } else {
            try update.bind(nil as Int64?, at: 3).run()
          }
        }
        return try Self.standings(of: requests.map(\.letter), tenant: tenant, connection)
      }
    }
  }

  package func tenantsWithReplays() async throws(CatalogError) -> [TenantID] {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.statement(
        "SELECT DISTINCT tenant_id FROM duckmesh_dead_letter WHERE replay_wanted <> 0")
      defer { row.reset() }
      var tenants: [TenantID] = []
      while try row.step() { tenants.append(TenantID(row.int64(0))) }
      return tenants
    }
  }

  package func claimReplays(
    of tenant: TenantID, owner: OwnerID, limit: Int, byteLimit: Int, leaseMs: Int
  ) async throws(CatalogError) -> ReplayClaim? {
    let clock = database.clock
    return try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        let letters = try Self.wanted(
          of: tenant, limit: limit, byteLimit: byteLimit, connection)
        guard !letters.isEmpty, let row = try ConsumerRow.read(tenant, connection),
          let lease = LeaseRules.claim(
            row.lease, owner: owner, now: clock.lease(), leaseMs: leaseMs)
        else { return nil }
        try ConsumerRow.writeLease(lease, tenant: tenant, connection)
        return ReplayClaim(
          fence: TenantFence(
            tenant: tenant, epoch: lease.epoch, from: row.watermark, to: row.watermark),
          letters: letters)
      }
    }
  }

  private static func wanted(
    of tenant: TenantID, limit: Int, byteLimit: Int, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> [ClaimedLetter] {
    let row = try connection.statement(
      """
      SELECT dead_letter_id, table_id, token, replay_revision, replay_schema_version, operation,
        idempotency_key, coalesce(replay_payload, payload)
      FROM duckmesh_dead_letter WHERE tenant_id = ? AND replay_wanted <> 0 ORDER BY token LIMIT ?
      """
    ).bind(tenant.rawValue, at: 1).bind(Int64(limit), at: 2)
    defer { row.reset() }
    var letters: [ClaimedLetter] = []
    var bytes = 0
    while bytes < byteLimit, try row.step() {
      let letter = ClaimedLetter(
        id: row.int64(0), table: TableID(row.int64(1)), token: VisibilityToken(row.int64(2)),
        revision: row.int64(3), schemaVersion: row.int64(4),
        operation: UInt8(truncatingIfNeeded: row.int64(5)), idempotencyKey: row.bytes(6),
        payload: row.bytes(7))
      bytes += letter.payload.count
      letters.append(letter)
    }
    return letters
  }

  package func hasOpenLetters(table: TableID) async throws(CatalogError) -> Bool {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.statement(
        "SELECT 1 FROM duckmesh_dead_letter WHERE table_id = ? LIMIT 1"
      ).bind(table.rawValue, at: 1)
      defer { row.reset() }
      return try row.step()
    }
  }

  package func tombstones(
    of table: TableID, keys: [[UInt8]]
  ) async throws(CatalogError) -> [KeyTombstone] {
    try await read { (connection) throws(SQLiteError) in
      var found: [KeyTombstone] = []
      for key in keys {
        let row = try connection.statement(
          "SELECT token FROM duckmesh_key_tombstone WHERE table_id = ? AND key_hash = ?"
        ).bind(table.rawValue, at: 1).bind(key, at: 2)
        defer { row.reset() }
        guard try row.step() else { continue }
        found.append(
          KeyTombstone(table: table, keyHash: key, token: VisibilityToken(row.int64(0))))
      }
      return found
    }
  }
}
