import Catalog
import Consistency
import Model
import PostgreSQL

extension PostgreSQLCatalog {
  package func deadLetterCount(tenant: TenantID) async throws(CatalogError) -> Int64 {
    let rows = try await call(
      """
      SELECT dead_lettered - replayed - discarded FROM duckmesh_consumer WHERE tenant_id = $1
      """,
      [.int64(tenant.rawValue)])
    return rows.count > 0 ? rows.int64(0, 0) : 0
  }

  package func deadLetters(
    tenant: TenantID, matching filter: DeadLetterFilter, after id: Int64?, limit: Int
  ) async throws(CatalogError) -> [DeadLetterRecord] {
    var values: [PostgreSQLValue] = [
      .int64(tenant.rawValue), .int64(id ?? 0), .int64(Int64(limit)),
    ]
    var conditions = ""
    func narrow(_ condition: (String) -> String, _ value: PostgreSQLValue) {
      values.append(value)
      conditions += " AND " + condition("$\(values.count)")
    }
    if let tokens = filter.tokens {
      narrow({ "d.token = ANY (\($0))" }, .int64s(tokens.map(\.rawValue)))
    }
    if let range = filter.tokenRange {
      narrow({ "d.token >= \($0)" }, .int64(range.lowerBound.rawValue))
      narrow({ "d.token <= \($0)" }, .int64(range.upperBound.rawValue))
    }
    if let ids = filter.ids { narrow({ "d.dead_letter_id = ANY (\($0))" }, .int64s(ids)) }
    if let name = filter.tableName {
      narrow({ "lower(t.table_name) = lower(\($0)::TEXT)" }, .text(name))
    }
    if let reason = filter.reason { narrow({ "d.reason = \($0)" }, .text(reason)) }
    let rows = try await call(
      """
      SELECT d.dead_letter_id, d.table_id, t.table_name, d.token, d.reason, d.message,
        d.idempotency_key, d.payload, d.created_at, d.schema_version, d.operation, d.replay_wanted
      FROM duckmesh_dead_letter d JOIN duckmesh_table t USING (table_id)
      WHERE d.tenant_id = $1 AND d.dead_letter_id > $2\(conditions)
      ORDER BY d.dead_letter_id LIMIT $3
      """,
      values)
    return (0..<rows.count).map { row in
      DeadLetterRecord(
        id: rows.int64(row, 0), tenant: tenant, table: TableID(rows.int64(row, 1)),
        tableName: rows.text(row, 2), token: VisibilityToken(rows.int64(row, 3)),
        reason: rows.text(row, 4), message: rows.text(row, 5), idempotencyKey: rows.bytes(row, 6),
        payload: rows.bytes(row, 7), schemaVersion: rows.int64(row, 9),
        operation: UInt8(truncatingIfNeeded: rows.int64(row, 10)), isWanted: rows.bool(row, 11),
        createdAt: Timestamp(microseconds: rows.int64(row, 8)))
    }
  }

  package func standings(
    of ids: [Int64], tenant: TenantID
  ) async throws(CatalogError) -> [Int64: LetterStanding] {
    try await standings(by: "dead_letter_id", ids, tenant: tenant)
  }

  package func standings(
    of tokens: [VisibilityToken], tenant: TenantID
  ) async throws(CatalogError) -> [VisibilityToken: LetterStanding] {
    let found = try await standings(by: "token", tokens.map(\.rawValue), tenant: tenant)
    return Dictionary(uniqueKeysWithValues: found.map { (VisibilityToken($0.key), $0.value) })
  }

  package func settledLetters(
    in range: ClosedRange<VisibilityToken>, tenant: TenantID, limit: Int
  ) async throws(CatalogError) -> SettledRange {
    // The newest snapshot comes with each row, and by itself where nothing was discarded.
    let rows = try await call(
      """
      WITH settled AS (
        SELECT dead_letter_id, token, settlement, snapshot_id FROM duckmesh_settled_letter
        WHERE tenant_id = $1 AND token BETWEEN $2 AND $3)
      SELECT l.dead_letter_id, l.token, l.settlement, l.snapshot_id, newest.id
      FROM (SELECT max(snapshot_id) AS id FROM settled) newest
      LEFT JOIN (SELECT * FROM settled WHERE settlement = $4 ORDER BY token LIMIT $5) l ON TRUE
      ORDER BY l.token
      """,
      [
        .int64(tenant.rawValue), .int64(range.lowerBound.rawValue),
        .int64(range.upperBound.rawValue), .text(LetterSettlement.discarded.rawValue),
        .int64(Int64(limit)),
      ])
    var discarded: [SettledLetter] = []
    for row in 0..<rows.count where rows.optionalInt64(row, 0) != nil {
      discarded.append(try Self.settled(rows, row))
    }
    return SettledRange(
      discarded: discarded, newestSnapshot: rows.optionalInt64(0, 4).map(SnapshotID.init))
  }

  /// One statement, so that a letter is seen open or settled, never neither.
  private func standings(
    by column: String, _ numbers: [Int64], tenant: TenantID
  ) async throws(CatalogError) -> [Int64: LetterStanding] {
    let rows = try await call(
      """
      SELECT dead_letter_id, token, ''::TEXT, NULL::BIGINT, replay_revision, replay_wanted, reason,
        message, \(column)
      FROM duckmesh_dead_letter WHERE tenant_id = $1 AND \(column) = ANY ($2)
      UNION ALL
      SELECT dead_letter_id, token, settlement, snapshot_id, 0, FALSE, '', '', \(column)
      FROM duckmesh_settled_letter WHERE tenant_id = $1 AND \(column) = ANY ($2)
      """, [.int64(tenant.rawValue), .int64s(numbers)])
    var standings: [Int64: LetterStanding] = [:]
    for row in 0..<rows.count {
      standings[rows.int64(row, 8)] =
        rows.text(row, 2).isEmpty
        ? .open(
          revision: rows.int64(row, 4), isWanted: rows.bool(row, 5), reason: rows.text(row, 6),
          message: rows.text(row, 7))
        : .settled(try Self.settled(rows, row))
    }
    return standings
  }

  private static func settled(
    _ rows: PostgreSQLRows, _ row: Int
  ) throws(CatalogError) -> SettledLetter {
    guard let settlement = LetterSettlement(rawValue: rows.text(row, 2)) else {
      throw .damaged(reason: "a dead letter was settled in a way that is not known")
    }
    return SettledLetter(
      id: rows.int64(row, 0), token: VisibilityToken(rows.int64(row, 1)), settlement: settlement,
      snapshot: rows.optionalInt64(row, 3).map(SnapshotID.init))
  }

  package func discard(
    letter id: Int64, tenant: TenantID
  ) async throws(CatalogError) -> SettledLetter? {
    _ = try await call(
      "SELECT \(SQLFunction.discardLetter.name)($1, $2, $3::BIGINT)",
      [.int64(tenant.rawValue), .int64(id), database.wallOverride])
    guard case .settled(let letter) = try await standings(of: [id], tenant: tenant)[id] else {
      return nil
    }
    return letter
  }
}

extension PostgreSQLCatalog {
  package func requestReplays(
    _ requests: [ReplayRequest], tenant: TenantID
  ) async throws(CatalogError) -> [Int64: LetterStanding] {
    _ = try await call(
      "SELECT \(SQLFunction.requestReplays.name)($1, $2, $3, $4, $5)",
      [
        .int64(tenant.rawValue), .int64s(requests.map(\.letter)),
        .byteStrings(requests.map { $0.payload ?? [] }),
        .bools(requests.map { $0.payload != nil }), .int64s(requests.map(\.schemaVersion)),
      ])
    return try await standings(of: requests.map(\.letter), tenant: tenant)
  }

  package func tenantsWithReplays() async throws(CatalogError) -> [TenantID] {
    let rows = try await call(
      "SELECT DISTINCT tenant_id FROM duckmesh_dead_letter WHERE replay_wanted")
    return (0..<rows.count).map { TenantID(rows.int64($0, 0)) }
  }

  package func claimReplays(
    of tenant: TenantID, owner: OwnerID, limit: Int, byteLimit: Int, leaseMs: Int
  ) async throws(CatalogError) -> ReplayClaim? {
    let rows = try await call(
      """
      SELECT epoch, watermark, letter, table_id, token, revision, version, operation,
        idempotency_key, payload
      FROM \(SQLFunction.claimReplays.name)($1, $2, $3, $4, $5, $6::BIGINT)
      """,
      [
        .text(owner.rawValue), .int64(tenant.rawValue), .int64(Int64(limit)),
        .int64(Int64(byteLimit)), .int64(Int64(leaseMs)), database.leaseOverride,
      ])
    guard rows.count > 0 else { return nil }
    let watermark = VisibilityToken(rows.int64(0, 1))
    return ReplayClaim(
      fence: TenantFence(
        tenant: tenant, epoch: LeaseEpoch(rows.int64(0, 0)), from: watermark, to: watermark),
      letters: (0..<rows.count).map { row in
        ClaimedLetter(
          id: rows.int64(row, 2), table: TableID(rows.int64(row, 3)),
          token: VisibilityToken(rows.int64(row, 4)), revision: rows.int64(row, 5),
          schemaVersion: rows.int64(row, 6),
          operation: UInt8(truncatingIfNeeded: rows.int64(row, 7)),
          idempotencyKey: rows.bytes(row, 8), payload: rows.bytes(row, 9))
      })
  }

  package func hasOpenLetters(table: TableID) async throws(CatalogError) -> Bool {
    let rows = try await call(
      "SELECT EXISTS (SELECT FROM duckmesh_dead_letter WHERE table_id = $1)",
      [.int64(table.rawValue)])
    return rows.bool(0, 0)
  }

  package func tombstones(
    of table: TableID, keys: [[UInt8]]
  ) async throws(CatalogError) -> [KeyTombstone] {
    let rows = try await call(
      """
      SELECT key_hash, token FROM duckmesh_key_tombstone
      WHERE table_id = $1 AND key_hash = ANY ($2)
      """, [.int64(table.rawValue), .byteStrings(keys)])
    return (0..<rows.count).map { row in
      KeyTombstone(
        table: table, keyHash: rows.bytes(row, 0), token: VisibilityToken(rows.int64(row, 1)))
    }
  }
}
