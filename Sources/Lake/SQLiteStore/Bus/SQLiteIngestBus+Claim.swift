import Consistency
import IngestBus
import Model
import SQLite

extension SQLiteIngestBus {
  package func claimBatch(
    owner: OwnerID, tenants: [TenantID], limit: ClaimLimit, leaseMs: Int
  ) async throws(BusError) -> [TenantClaim] {
    let candidates = Array(tenants.prefix(limit.tenants))
    let held = try await leases(of: candidates, owner: owner, leaseMs: leaseMs)
    guard !held.isEmpty else { return [] }
    // Read apart from the writer's turn: what is read cannot change, since only the holder of the
    // lease moves the watermark and acknowledges.
    return try await read { (connection) throws(SQLiteError) in
      var reader = SegmentReader(limit: limit, connection: connection)
      return try reader.read(held)
    }
  }

  /// Takes or keeps the leases of tenants with pending events.
  ///
  /// A lease of the owner's own that has more than half its time left is used as it is, which
  /// spares a transaction a commit.
  private func leases(
    of tenants: [TenantID], owner: OwnerID, leaseMs: Int
  ) async throws(BusError) -> [HeldLease] {
    let clock = database.clock
    let comfortable = { (lease: LeaseState, now: Timestamp) in
      lease.owner == owner && lease.leasedUntil > now.adding(milliseconds: leaseMs / 2)
    }
    let known = try await read { (connection) throws(SQLiteError) in
      var rows: [(TenantID, ConsumerRow)] = []
      for tenant in tenants {
        if let row = try ConsumerRow.read(tenant, connection) { rows.append((tenant, row)) }
      }
      return rows
    }
    if known.allSatisfy({ comfortable($0.1.lease, clock.lease()) }) {
      return known.map { HeldLease(tenant: $0.0, epoch: $0.1.lease.epoch) }
    }
    return try await write { (connection) throws(SQLiteError) in
      let now = clock.lease()
      var held: [HeldLease] = []
      for (tenant, _) in known {
        guard let row = try ConsumerRow.read(tenant, connection),
          let claimed = LeaseRules.claim(row.lease, owner: owner, now: now, leaseMs: leaseMs)
        else { continue }
        try ConsumerRow.writeLease(claimed, tenant: tenant, connection)
        held.append(HeldLease(tenant: tenant, epoch: claimed.epoch))
      }
      return held
    }
  }
}

private struct HeldLease: Sendable {
  let tenant: TenantID
  let epoch: LeaseEpoch
}

/// Reads the segments after the watermarks of leased tenants, within the limits of one claim.
private struct SegmentReader {
  private let limit: ClaimLimit
  private let connection: SQLiteConnection
  private var bytes = 0
  private var records = 0

  init(limit: ClaimLimit, connection: SQLiteConnection) {
    self.limit = limit
    self.connection = connection
  }

  mutating func read(_ leases: [HeldLease]) throws(SQLiteError) -> [TenantClaim] {
    var claims: [TenantClaim] = []
    for lease in leases {
      guard bytes < limit.bytes, records < limit.records else { break }
      guard let row = try ConsumerRow.read(lease.tenant, connection),
        row.lease.epoch == lease.epoch
      else { continue }
      let segments = try segments(of: lease.tenant, after: row.watermark)
      guard !segments.isEmpty else { continue }
      claims.append(
        TenantClaim(
          tenant: lease.tenant, epoch: lease.epoch, from: row.watermark, segments: segments))
    }
    return claims
  }

  private mutating func segments(
    of tenant: TenantID, after watermark: VisibilityToken
  ) throws(SQLiteError) -> [Segment] {
    let rows = try connection.statement(
      """
      SELECT first_token, last_token, record_count, byte_count, published_at, skipped, body
      FROM duckmesh_segment WHERE tenant_id = ? AND first_token > ? ORDER BY first_token
      """
    ).bind(tenant.rawValue, at: 1).bind(watermark.rawValue, at: 2)
    defer { rows.reset() }
    var segments: [Segment] = []
    var expected = watermark.advanced(by: 1)
    while bytes < limit.bytes, records < limit.records,
      try rows.step()
    {
      let segment = try segment(rows, tenant: tenant)
      // The invariant of dense tokens, checked where it would do harm: a gap would be skipped.
      guard segment.firstToken == expected else {
        throw .corrupt(message: "no segment begins at the token after the watermark")
      }
      expected = segment.lastToken.advanced(by: 1)
      bytes += segment.body.byteCount
      records += segment.body.recordCount
      segments.append(segment)
    }
    return segments
  }

  private func segment(
    _ row: SQLiteStatement, tenant: TenantID
  ) throws(SQLiteError) -> Segment {
    guard let skipped = SkipList.decode(row.bytes(5)) else {
      throw .corrupt(message: "a segment's skip list cannot be read")
    }
    return Segment(
      firstToken: VisibilityToken(row.int64(0)), lastToken: VisibilityToken(row.int64(1)),
      publishedAt: Timestamp(microseconds: row.int64(4)),
      body: SegmentBody(
        compressed: row.bytes(6), recordCount: Int(row.int64(2)), byteCount: Int(row.int64(3))),
      skipped: skipped)
  }
}
