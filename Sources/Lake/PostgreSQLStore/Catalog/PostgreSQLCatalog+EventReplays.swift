import Catalog
import Model
import PostgreSQL

extension PostgreSQLCatalog: EventReplayCatalog {
  package func replaySource(
    named name: String, tenant: TenantID, isDropped: Bool
  ) async throws(CatalogError) -> TableRecord? {
    let rows = try await call(
      TableRows.selection() + """
         WHERE t.tenant_id = $1 AND lower(t.table_name) = lower($2::TEXT)
          AND (t.dropped_snapshot IS NOT NULL) = $3
        ORDER BY t.dropped_snapshot DESC, t.table_id DESC LIMIT 1
        """,
      [.int64(tenant.rawValue), .text(name), .bool(isDropped)])
    return rows.count == 0 ? nil : try TableRows.record(rows, 0)
  }

  package func beginReplay(
    _ order: EventReplayOrder, tenant: TenantID
  ) async throws(CatalogError) -> (replay: EventReplay, isNew: Bool) {
    // Whoever is in the way may be over by the time that it is looked for.
    for _ in 0..<Self.beginAttempts {
      let made = try await call(
        "SELECT \(SQLFunction.beginReplay.name)($1, $2, $3, $4, $5, $6, $7, $8::BIGINT)",
        [
          .int64(tenant.rawValue), .int64(order.source.rawValue), .int64(order.target.rawValue),
          .text(order.series), .int64(order.range.lowerBound.rawValue),
          .int64(order.range.upperBound.rawValue), .int64(Int64(EventReplayLimits.kept)),
          database.wallOverride,
        ]
      ).optionalInt64(0, 0)
      let found = try await eventReplays(
        where: made == nil ? "r.status = 'running'" : "r.replay_id = $2", tenant,
        made.map { [.int64($0)] } ?? [])
      if let replay = found.first { return (replay, made != nil) }
    }
    throw .unavailable(reason: "replays of the tenant begin and end")
  }

  private static let beginAttempts = 5

  package func eventReplays(
    tenant: TenantID, before id: Int64?, limit: Int
  ) async throws(CatalogError) -> [EventReplay] {
    try await eventReplays(
      where: "r.replay_id < $2 ORDER BY r.replay_id DESC LIMIT $3", tenant,
      [.int64(id ?? .max), .int64(Int64(limit))])
  }

  package func cancelReplay(
    _ id: Int64, tenant: TenantID
  ) async throws(CatalogError) -> EventReplay? {
    _ = try await call(
      """
      UPDATE duckmesh_event_replay SET status = 'cancelled', owner = NULL, leased_until = 0,
        updated_at = \(SQLFunction.now.name)($3::BIGINT)
      WHERE replay_id = $1 AND tenant_id = $2 AND status = 'running'
      """, [.int64(id), .int64(tenant.rawValue), database.wallOverride])
    return try await eventReplays(where: "r.replay_id = $2", tenant, [.int64(id)]).first
  }

  package func claimEventReplay(
    owner: OwnerID, leaseMs: Int
  ) async throws(CatalogError) -> EventReplay? {
    let rows = try await call(
      """
      UPDATE duckmesh_event_replay SET owner = $1,
        leased_until = \(SQLFunction.now.name)($3::BIGINT) + $2 * 1000
      WHERE replay_id = (
        SELECT replay_id FROM duckmesh_event_replay
        WHERE status = 'running' AND (owner IS NULL OR owner = $1
          OR leased_until <= \(SQLFunction.now.name)($3::BIGINT)
          -- Written before the clock was set back.
          OR leased_until > \(SQLFunction.now.name)($3::BIGINT) + $2 * 1000)
        ORDER BY updated_at, replay_id LIMIT 1 FOR UPDATE SKIP LOCKED)
      RETURNING replay_id, tenant_id
      """, [.text(owner.rawValue), .int64(Int64(leaseMs)), database.leaseOverride])
    guard rows.count > 0 else { return nil }
    return try await eventReplays(
      where: "r.replay_id = $2", TenantID(rows.int64(0, 1)), [.int64(rows.int64(0, 0))]
    ).first
  }

  package func advance(
    _ step: EventReplayStep, owner: OwnerID, leaseMs: Int
  ) async throws(CatalogError) -> Bool {
    try await call(
      """
      UPDATE duckmesh_event_replay SET next_token = $4, event_count = event_count + $5,
        rejected_count = rejected_count + $6, newest_token = greatest(newest_token, $7),
        leased_until = \(SQLFunction.now.name)($9::BIGINT) + $8 * 1000,
        updated_at = \(SQLFunction.now.name)($10::BIGINT)
      WHERE replay_id = $1 AND owner = $2 AND status = 'running' AND next_token = $3
      RETURNING replay_id
      """,
      [
        .int64(step.replay), .text(owner.rawValue), .int64(step.from.rawValue),
        .int64(step.to.rawValue), .int64(step.events), .int64(step.rejected),
        .int64(step.newest.rawValue), .int64(Int64(leaseMs)), database.leaseOverride,
        database.wallOverride,
      ]
    ).count == 1
  }

  package func finishReplay(
    _ id: Int64, owner: OwnerID, errorCode: String?
  ) async throws(CatalogError) {
    let status = errorCode == nil ? EventReplay.Status.completed : .failed
    _ = try await call(
      """
      UPDATE duckmesh_event_replay SET status = $3, error_code = $4::TEXT, owner = NULL,
        leased_until = 0, updated_at = \(SQLFunction.now.name)($5::BIGINT)
      WHERE replay_id = $1 AND owner = $2 AND status = 'running'
      """,
      [
        .int64(id), .text(owner.rawValue), .text(status.rawValue),
        errorCode.map { .text($0) } ?? .null, database.wallOverride,
      ])
  }

  /// - Parameter values: from the second parameter of `condition` on; the first is the tenant.
  private func eventReplays(
    where condition: String, _ tenant: TenantID, _ values: [PostgreSQLValue]
  ) async throws(CatalogError) -> [EventReplay] {
    let rows = try await call(
      """
      SELECT r.replay_id, r.tenant_id, r.source_table, r.target_table, r.series, r.first_token,
        r.last_token, r.next_token, r.status, r.event_count, r.rejected_count, r.newest_token,
        r.error_code, r.created_at, r.updated_at, s.table_name, t.table_name
      FROM duckmesh_event_replay r JOIN duckmesh_table s ON s.table_id = r.source_table
      JOIN duckmesh_table t ON t.table_id = r.target_table
      WHERE r.tenant_id = $1 AND \(condition)
      """, [.int64(tenant.rawValue)] + values)
    var replays: [EventReplay] = []
    for row in 0..<rows.count {
      let (first, last) = (
        VisibilityToken(rows.int64(row, 5)), VisibilityToken(rows.int64(row, 6))
      )
      guard first <= last, let status = EventReplay.Status(rawValue: rows.text(row, 8)) else {
        throw .damaged(reason: "a replay's row cannot be read")
      }
      replays.append(
        EventReplay(
          id: rows.int64(row, 0), tenant: TenantID(rows.int64(row, 1)),
          order: EventReplayOrder(
            source: TableID(rows.int64(row, 2)), target: TableID(rows.int64(row, 3)),
            range: first...last, series: rows.text(row, 4)),
          sourceName: rows.text(row, 15), targetName: rows.text(row, 16), status: status,
          next: VisibilityToken(rows.int64(row, 7)), eventCount: rows.int64(row, 9),
          rejectedCount: rows.int64(row, 10), newest: VisibilityToken(rows.int64(row, 11)),
          errorCode: rows.optionalText(row, 12),
          createdAt: Timestamp(microseconds: rows.int64(row, 13)),
          updatedAt: Timestamp(microseconds: rows.int64(row, 14))))
    }
    return replays
  }
}
