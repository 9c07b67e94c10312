import Catalog
import Model
import SQLite

extension SQLiteCatalog: EventReplayCatalog {
  package func replaySource(
    named name: String, tenant: TenantID, isDropped: Bool
  ) async throws(CatalogError) -> TableRecord? {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.prepare(
        TableRows.selection + """
           WHERE t.tenant_id = ?1 AND lower(t.table_name) = lower(?2)
            AND (t.dropped_snapshot IS NOT NULL) = ?3
          ORDER BY t.dropped_snapshot DESC, t.table_id DESC LIMIT 1
          """
      ).bind(tenant.rawValue, at: 1).bind(name, at: 2).bind(Int64(isDropped ? 1 : 0), at: 3)
      return try row.step() ? try TableRows.record(row, at: nil, connection) : nil
    }
  }

  package func beginReplay(
    _ order: EventReplayOrder, tenant: TenantID
  ) async throws(CatalogError) -> (replay: EventReplay, isNew: Bool) {
    let clock = database.clock
    return try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        let running = try EventReplayRow.read(
          "r.tenant_id = ?1 AND r.status = 'running'", connection
        ) { row throws(SQLiteError) in try row.bind(tenant.rawValue, at: 1) }
        if let running = running.first { return (running, false) }
        let id = try EventReplayRow.insert(order, tenant: tenant, now: clock.wall(), connection)
        guard let made = try EventReplayRow.read(id, tenant: tenant, connection) else {
          throw .corrupt(message: "a replay of a table that there is not")
        }
        return (made, true)
      }
    }
  }

  package func eventReplays(
    tenant: TenantID, before id: Int64?, limit: Int
  ) async throws(CatalogError) -> [EventReplay] {
    try await read { (connection) throws(SQLiteError) in
      try EventReplayRow.read(
        "r.tenant_id = ?1 AND r.replay_id < ?2 ORDER BY r.replay_id DESC LIMIT ?3", connection
      ) { row throws(SQLiteError) in
        try row.bind(tenant.rawValue, at: 1).bind(id ?? .max, at: 2).bind(Int64(limit), at: 3)
      }
    }
  }

  package func cancelReplay(
    _ id: Int64, tenant: TenantID
  ) async throws(CatalogError) -> EventReplay? {
    let clock = database.clock
    return try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        try connection.statement(
          """
          UPDATE duckmesh_event_replay
          SET status = 'cancelled', owner = NULL, leased_until = 0, updated_at = ?3
          WHERE replay_id = ?1 AND tenant_id = ?2 AND status = 'running'
          """
        ).bind(id, at: 1).bind(tenant.rawValue, at: 2).bind(clock.wall().microseconds, at: 3).run()
        return try EventReplayRow.read(id, tenant: tenant, connection)
      }
    }
  }

  package func claimEventReplay(
    owner: OwnerID, leaseMs: Int
  ) async throws(CatalogError) -> EventReplay? {
    let clock = database.clock
    return try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        let now = clock.lease()
        let free = try EventReplayRow.read(
          """
          r.status = 'running' AND (r.owner IS NULL OR r.owner = ?1 OR r.leased_until <= ?2)
          ORDER BY r.updated_at, r.replay_id LIMIT 1
          """, connection
        ) { row throws(SQLiteError) in
          try row.bind(owner.rawValue, at: 1).bind(now.microseconds, at: 2)
        }
        guard let replay = free.first else { return nil }
        try connection.statement(
          "UPDATE duckmesh_event_replay SET owner = ?, leased_until = ? WHERE replay_id = ?"
        ).bind(owner.rawValue, at: 1).bind(now.adding(milliseconds: leaseMs).microseconds, at: 2)
          .bind(replay.id, at: 3).run()
        return replay
      }
    }
  }

  package func advance(
    _ step: EventReplayStep, owner: OwnerID, leaseMs: Int
  ) async throws(CatalogError) -> Bool {
    let clock = database.clock
    return try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        try connection.statement(
          """
          UPDATE duckmesh_event_replay SET next_token = ?4, event_count = event_count + ?5,
            rejected_count = rejected_count + ?6, newest_token = max(newest_token, ?7),
            leased_until = ?8, updated_at = ?9
          WHERE replay_id = ?1 AND owner = ?2 AND status = 'running' AND next_token = ?3
          """
        ).bind(step.replay, at: 1).bind(owner.rawValue, at: 2).bind(step.from.rawValue, at: 3)
          .bind(step.to.rawValue, at: 4).bind(step.events, at: 5).bind(step.rejected, at: 6)
          .bind(step.newest.rawValue, at: 7)
          .bind(clock.lease().adding(milliseconds: leaseMs).microseconds, at: 8)
          .bind(clock.wall().microseconds, at: 9).run()
        return connection.changes == 1
      }
    }
  }

  package func finishReplay(
    _ id: Int64, owner: OwnerID, errorCode: String?
  ) async throws(CatalogError) {
    let clock = database.clock
    try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        try connection.statement(
          """
          UPDATE duckmesh_event_replay SET status = ?3, error_code = ?4, owner = NULL,
            leased_until = 0, updated_at = ?5
          WHERE replay_id = ?1 AND owner = ?2 AND status = 'running'
          """
        ).bind(id, at: 1).bind(owner.rawValue, at: 2)
          .bind(
            (errorCode == nil ? EventReplay.Status.completed : .failed).rawValue, at: 3
          ).bind(errorCode, at: 4).bind(clock.wall().microseconds, at: 5).run()
      }
    }
  }
}

private enum EventReplayRow {
  static func read(
    _ condition: String, _ connection: SQLiteConnection,
    _ bind: (SQLiteStatement) throws(SQLiteError) -> SQLiteStatement
  ) throws(SQLiteError) -> [EventReplay] {
    let row = try bind(
      try connection.prepare(
        """
        SELECT r.replay_id, r.tenant_id, r.source_table, r.target_table, r.series, r.first_token,
          r.last_token, r.next_token, r.status, r.event_count, r.rejected_count, r.newest_token,
          r.error_code, r.created_at, r.updated_at, s.table_name, t.table_name
        FROM duckmesh_event_replay r JOIN duckmesh_table s ON s.table_id = r.source_table
        JOIN duckmesh_table t ON t.table_id = r.target_table WHERE \(condition)
        """))
    var replays: [EventReplay] = []
    while try row.step() {
      let (first, last) = (VisibilityToken(row.int64(5)), VisibilityToken(row.int64(6)))
      guard first <= last, let status = EventReplay.Status(rawValue: row.text(8)) else {
        throw .corrupt(message: "a replay's row cannot be read")
      }
      replays.append(
        EventReplay(
          id: row.int64(0), tenant: TenantID(row.int64(1)),
          order: EventReplayOrder(
            source: TableID(row.int64(2)), target: TableID(row.int64(3)), range: first...last,
            series: row.text(4)),
          sourceName: row.text(15), targetName: row.text(16), status: status,
          next: VisibilityToken(row.int64(7)), eventCount: row.int64(9),
          rejectedCount: row.int64(10), newest: VisibilityToken(row.int64(11)),
          errorCode: row.optionalText(12), createdAt: Timestamp(microseconds: row.int64(13)),
          updatedAt: Timestamp(microseconds: row.int64(14))))
    }
    return replays
  }

  static func read(
    _ id: Int64, tenant: TenantID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> EventReplay? {
    try read("r.replay_id = ?1 AND r.tenant_id = ?2", connection) { row throws(SQLiteError) in
      try row.bind(id, at: 1).bind(tenant.rawValue, at: 2)
    }.first
  }

  /// Old replays of the tenant make room.
  static func insert(
    _ order: EventReplayOrder, tenant: TenantID, now: Timestamp, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> Int64 {
    let row = try connection.prepare(
      """
      INSERT INTO duckmesh_event_replay(tenant_id, source_table, target_table, series, first_token,
        last_token, next_token, status, created_at, updated_at)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5, 'running', ?7, ?7) RETURNING replay_id
      """
    ).bind(tenant.rawValue, at: 1).bind(order.source.rawValue, at: 2)
      .bind(order.target.rawValue, at: 3).bind(order.series, at: 4)
      .bind(order.range.lowerBound.rawValue, at: 5).bind(order.range.upperBound.rawValue, at: 6)
      .bind(now.microseconds, at: 7)
    guard try row.step() else { throw .corrupt(message: "a replay was not written") }
    let id = row.int64(0)
    row.reset()
    try connection.statement(
      """
      DELETE FROM duckmesh_event_replay WHERE tenant_id = ?1 AND replay_id <= (
        SELECT replay_id FROM duckmesh_event_replay WHERE tenant_id = ?1
        ORDER BY replay_id DESC LIMIT 1 OFFSET ?2)
      """
    ).bind(tenant.rawValue, at: 1).bind(Int64(EventReplayLimits.kept), at: 2).run()
    return id
  }
}
