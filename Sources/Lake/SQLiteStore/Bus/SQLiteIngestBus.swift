import Consistency
import IngestBus
import Model
import SQLite

/// The ingest bus inside the embedded database: segments, keys, heads and leases are its tables.
package struct SQLiteIngestBus: IngestBus {
  let database: SQLiteDatabase
  let retention: SegmentRetention

  package init(database: SQLiteDatabase, retention: SegmentRetention = .none) {
    self.database = database
    self.retention = retention
  }

  package func extendLease(
    owner: OwnerID, claims: [(tenant: TenantID, epoch: LeaseEpoch)], leaseMs: Int
  ) async throws(BusError) -> [TenantID] {
    let clock = database.clock
    return try await write { (connection) throws(SQLiteError) in
      let now = clock.lease()
      var kept: [TenantID] = []
      for claim in claims {
        guard let row = try ConsumerRow.read(claim.tenant, connection),
          let extended = LeaseRules.extend(
            row.lease, owner: owner, epoch: claim.epoch, now: now, leaseMs: leaseMs)
        else { continue }
        try ConsumerRow.writeLease(extended, tenant: claim.tenant, connection)
        kept.append(claim.tenant)
      }
      return kept
    }
  }

  package func acknowledge(
    _ watermarks: [(tenant: TenantID, through: VisibilityToken)]
  ) async throws(BusError) {
    if retention.keepsAcknowledged { return }
    try await write { (connection) throws(SQLiteError) in
      for (tenant, through) in watermarks {
        // The committed watermark bounds it whatever the caller says: an event leaves the bus
        // only after a snapshot holds it, and a running replay has read it.
        try connection.statement(
          """
          DELETE FROM duckmesh_segment WHERE tenant_id = ?1 AND last_token <= min(?2,
            (SELECT watermark FROM duckmesh_consumer WHERE tenant_id = ?1),
            coalesce((SELECT next_token - 1 FROM duckmesh_event_replay
              WHERE tenant_id = ?1 AND status = 'running'), ?2))
          """
        ).bind(tenant.rawValue, at: 1).bind(through.rawValue, at: 2).run()
      }
    }
  }

  package func release(
    owner: OwnerID, claims: [(tenant: TenantID, epoch: LeaseEpoch)], reason: ReleaseReason
  ) async throws(BusError) {
    let clock = database.clock
    try await write { (connection) throws(SQLiteError) in
      let now = clock.lease()
      for claim in claims {
        guard let row = try ConsumerRow.read(claim.tenant, connection),
          LeaseRules.isHeld(row.lease, by: owner, epoch: claim.epoch, now: now)
        else { continue }
        try ConsumerRow.writeLease(
          LeaseRules.fencedOff(row.lease), tenant: claim.tenant, connection)
      }
    }
  }

  package func requeueExpired() async throws(BusError) -> [TenantID] {
    let clock = database.clock
    return try await write { (connection) throws(SQLiteError) in
      let now = clock.lease()
      let statement = try connection.statement(
        "SELECT tenant_id FROM duckmesh_consumer WHERE owner IS NOT NULL AND leased_until <= ?"
      ).bind(now.microseconds, at: 1)
      var expired: [TenantID] = []
      while try statement.step() { expired.append(TenantID(statement.int64(0))) }
      for tenant in expired {
        guard let row = try ConsumerRow.read(tenant, connection) else { continue }
        try ConsumerRow.writeLease(LeaseRules.fencedOff(row.lease), tenant: tenant, connection)
      }
      return expired
    }
  }

  package func backlog() async throws(BusError) -> [TenantBacklog] {
    let clock = database.clock
    return try await read { (connection) throws(SQLiteError) in
      let now = clock.lease()
      let statement = try connection.statement(
        """
        SELECT h.tenant_id, h.head, c.watermark, min(s.published_at), sum(s.byte_count),
          c.owner, c.leased_until
        FROM duckmesh_head h JOIN duckmesh_consumer c USING (tenant_id)
        JOIN duckmesh_segment s ON s.tenant_id = h.tenant_id AND s.first_token > c.watermark
        WHERE h.head > c.watermark GROUP BY h.tenant_id
        """)
      var tenants: [TenantBacklog] = []
      while try statement.step() {
        let tenant = TenantID(statement.int64(0))
        tenants.append(
          TenantBacklog(
            tenant: tenant, head: VisibilityToken(statement.int64(1)),
            watermark: VisibilityToken(statement.int64(2)),
            oldestPublishedAt: Timestamp(microseconds: statement.int64(3)),
            bytes: Int(statement.int64(4)),
            lease: LeaseView(
              owner: statement.optionalText(5).map(OwnerID.init),
              until: Timestamp(microseconds: statement.int64(6)), now: now),
            voids: try VoidRows.read(tenant, connection)))
      }
      return tenants
    }
  }

  package func receipts(for keys: [KeyHash]) async throws(BusError) -> [KeyReceipt?] {
    try await read { (connection) throws(SQLiteError) in
      var receipts: [KeyReceipt?] = []
      receipts.reserveCapacity(keys.count)
      for key in keys { receipts.append(try KeyRow.read(key, connection)) }
      return receipts
    }
  }
}

extension SQLiteIngestBus {
  func write<Value: Sendable>(
    _ body: @escaping @Sendable (SQLiteConnection) throws(SQLiteError) -> Value
  ) async throws(BusError) -> Value {
    do { return try await database.write(failure: { $0 }, body) } catch { throw BusError(error) }
  }

  func read<Value: Sendable>(
    _ body: @escaping @Sendable (SQLiteConnection) throws(SQLiteError) -> Value
  ) async throws(BusError) -> Value {
    do { return try await database.read(failure: { $0 }, body) } catch { throw BusError(error) }
  }
}

extension BusError {
  /// What an error of SQLite's means for the bus.
  init(_ error: SQLiteError) {
    self =
      switch error {
      case .storageFull: .storageFull
      case .busy: .unavailable(reason: "database is locked")
      case .interrupted: .unavailable(reason: "interrupted")
      case .inputOutput(let code, _): .unavailable(reason: "database I/O error \(code)")
      case .commitUncertain(let code, _): .outcomeUnknown(reason: "database I/O error \(code)")
      case .corrupt(let message): .damaged(reason: message)
      case .cannotOpen: .unavailable(reason: "database cannot be opened")
      case .constraint, .misuse: .unavailable(reason: "database refused a statement: \(error)")
      }
  }
}
