import Consistency
import IngestBus
import Model
import SQLite

extension SQLiteIngestBus {
  package func claimBatch(
    owner: OwnerID, tenants: [TenantID], limit: ClaimLimit, leaseMs: Int
  ) async throws(BusError) -> [TenantClaim] {
    let clock = database.clock
    let candidates = Array(tenants.prefix(limit.tenants))
    // Read before anything is leased and apart from the writer's turn, so that only what is handed
    // out is leased. The lease is taken only where the watermark is still the one that was read;
    // what is pending beyond it only grows.
    let pending = try await read { (connection) throws(SQLiteError) in
      var reader = SegmentReader(limit: limit, connection: connection)
      return try reader.read(candidates) { lease in
        LeaseRules.claim(lease, owner: owner, now: clock.lease(), leaseMs: leaseMs) != nil
      }
    }
    let now = clock.lease()
    let isComfortable = pending.allSatisfy {
      LeaseRules.isComfortable($0.lease, for: owner, now: now, leaseMs: leaseMs)
    }
    // A lease of the owner's own that has more than half its time left is used as it is, which
    // spares a transaction a commit.
    if isComfortable { return pending.map { $0.claim(epoch: $0.lease.epoch) } }
    return try await write { (connection) throws(SQLiteError) in
      let now = clock.lease()
      var claims: [TenantClaim] = []
      for candidate in pending {
        guard let row = try ConsumerRow.read(candidate.tenant, connection),
          row.watermark == candidate.watermark,
          let claimed = LeaseRules.claim(row.lease, owner: owner, now: now, leaseMs: leaseMs)
        else { continue }
        try ConsumerRow.writeLease(claimed, tenant: candidate.tenant, connection)
        claims.append(candidate.claim(epoch: claimed.epoch))
      }
      return claims
    }
  }
}

/// What is pending of one tenant, and the lease that stood beside it.
private struct PendingEvents: Sendable {
  let tenant: TenantID
  let watermark: VisibilityToken
  let lease: LeaseState
  let segments: [Segment]
  let landing: VisibilityToken?

  func claim(epoch: LeaseEpoch) -> TenantClaim {
    TenantClaim(
      tenant: tenant, epoch: epoch, from: watermark, segments: segments, landing: landing)
  }
}

/// Reads the segments after the watermarks of tenants, within the limits of one claim.
private struct SegmentReader {
  private let limit: ClaimLimit
  private let connection: SQLiteConnection
  private var bytes = 0
  private var records = 0

  init(limit: ClaimLimit, connection: SQLiteConnection) {
    self.limit = limit
    self.connection = connection
  }

  /// - Parameter isFree: whether a lease can be had; other tenants are left out.
  mutating func read(
    _ tenants: [TenantID], isFree: (LeaseState) -> Bool
  ) throws(SQLiteError) -> [PendingEvents] {
    var pending: [PendingEvents] = []
    for tenant in tenants {
      guard bytes < limit.bytes, records < limit.records else { break }
      guard let row = try ConsumerRow.read(tenant, connection), isFree(row.lease) else { continue }
      let voids = try VoidRows.read(tenant, connection)
      let segments = try segments(of: tenant, after: row.watermark, voids: voids)
      guard let last = segments.last else { continue }
      pending.append(
        PendingEvents(
          tenant: tenant, watermark: row.watermark, lease: row.lease, segments: segments,
          landing: voids.landing(last.lastToken)))
    }
    return pending
  }

  private mutating func segments(
    of tenant: TenantID, after watermark: VisibilityToken, voids: VoidRanges
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
      let segment = try SegmentRow.segment(rows)
      // What lies beyond void tokens is for the next claim, after the watermark has stepped over.
      if voids.contains(expected) { break }
      // The invariant of dense tokens, checked where it would do harm: a gap would be skipped.
      guard segment.firstToken == expected else {
        throw .corrupt(message: "no segment begins at the token after the one before")
      }
      let tokens = segment.lastToken.rawValue - segment.firstToken.rawValue + 1
      guard Int64(segment.body.recordCount - segment.skipped.count) == tokens else {
        throw .corrupt(message: "a segment's records are not as many as its tokens")
      }
      expected = segment.lastToken.advanced(by: 1)
      bytes += segment.body.byteCount
      records += segment.body.recordCount
      segments.append(segment)
    }
    return segments
  }
}

/// Reads one row of the segments: tokens, counts, time, skipped records and body.
enum SegmentRow {
  static func segment(_ row: SQLiteStatement) throws(SQLiteError) -> Segment {
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
