import Consistency
import IngestBus
import Model
import PostgreSQL

extension PostgreSQLIngestBus {
  package func claimBatch(
    owner: OwnerID, tenants: [TenantID], limit: ClaimLimit, leaseMs: Int
  ) async throws(BusError) -> [TenantClaim] {
    guard !tenants.isEmpty else { return [] }
    let rows = try await call(
      """
      SELECT tenant_id, epoch, watermark, first_token, last_token, record_count, byte_count,
        published_at, skipped, body, landing
      FROM \(SQLFunction.claim.name)($1, $2, $3, $4, $5, $6, $7::BIGINT)
      """,
      [
        .text(owner.rawValue), .int64s(tenants.map(\.rawValue)), .int64(Int64(limit.tenants)),
        .int64(Int64(limit.bytes)), .int64(Int64(limit.records)), .int64(Int64(leaseMs)),
        database.leaseOverride,
      ])
    var claims: [TenantClaim] = []
    var row = 0
    while row < rows.count {
      let tenant = rows.int64(row, 0)
      let start = row
      var segments: [Segment] = []
      while row < rows.count, rows.int64(row, 0) == tenant {
        segments.append(try Self.segment(rows, row, from: 3))
        row += 1
      }
      claims.append(
        TenantClaim(
          tenant: TenantID(tenant), epoch: LeaseEpoch(rows.int64(start, 1)),
          from: VisibilityToken(rows.int64(start, 2)), segments: segments,
          landing: VisibilityToken(rows.int64(row - 1, 10))))
    }
    return claims
  }

  /// - Parameter first: the column of the first token; the others follow as claims name them.
  static func segment(
    _ rows: PostgreSQLRows, _ row: Int, from first: Int
  ) throws(BusError) -> Segment {
    let segment = Segment(
      firstToken: VisibilityToken(rows.int64(row, first)),
      lastToken: VisibilityToken(rows.int64(row, first + 1)),
      publishedAt: Timestamp(microseconds: rows.int64(row, first + 4)),
      body: SegmentBody(
        compressed: rows.bytes(row, first + 6), recordCount: Int(rows.int64(row, first + 2)),
        byteCount: Int(rows.int64(row, first + 3))),
      skipped: rows.int32s(row, first + 5).map(Int.init))
    let tokens = segment.lastToken.rawValue - segment.firstToken.rawValue + 1
    guard Int64(segment.body.recordCount - segment.skipped.count) == tokens else {
      throw .damaged(reason: "a segment's records are not as many as its tokens")
    }
    return segment
  }
}
