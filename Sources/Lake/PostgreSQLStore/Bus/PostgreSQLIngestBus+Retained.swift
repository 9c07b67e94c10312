import Consistency
import IngestBus
import Model
import PostgreSQL

extension PostgreSQLIngestBus: RetainedEvents {
  /// Segments in one answer, which is in memory at once.
  private static let segmentsInStep = 256

  package func retainedSpan(of tenant: TenantID) async throws(BusError) -> RetainedSpan {
    let rows = try await call(
      """
      SELECT oldest.first_token, oldest.published_at, coalesce(head.head, 0),
        \(VoidRows.columns("asked.tenant_id"))
      FROM (SELECT $1::BIGINT AS tenant_id) AS asked
      LEFT JOIN duckmesh_head AS head ON head.tenant_id = asked.tenant_id
      LEFT JOIN LATERAL (
        SELECT segment.first_token, segment.published_at FROM duckmesh_segment AS segment
        WHERE segment.tenant_id = asked.tenant_id
        ORDER BY segment.first_token LIMIT 1) AS oldest ON TRUE
      """, [.int64(tenant.rawValue)])
    return RetainedSpan(
      first: rows.optionalInt64(0, 0).map { VisibilityToken($0) },
      firstPublishedAt: rows.optionalInt64(0, 1).map { Timestamp(microseconds: $0) },
      head: VisibilityToken(rows.int64(0, 2)), voids: VoidRows.ranges(rows, 0, from: 3))
  }

  package func retainedSegments(
    of tenant: TenantID, _ range: ClosedRange<VisibilityToken>, byteLimit: Int
  ) async throws(BusError) -> [Segment] {
    let rows = try await call(
      """
      SELECT first_token, last_token, record_count, byte_count, published_at, skipped, body
      FROM (
        SELECT *, (sum(byte_count) OVER (ORDER BY first_token))::BIGINT - byte_count AS before
        FROM (
          SELECT * FROM duckmesh_segment
          WHERE tenant_id = $1 AND first_token <= $3 AND last_token >= $2
            AND first_token >= coalesce((SELECT max(first_token) FROM duckmesh_segment
              WHERE tenant_id = $1 AND first_token <= $2), 0)
          ORDER BY first_token LIMIT $5) AS found) AS measured
      WHERE before < $4 ORDER BY first_token
      """,
      [
        .int64(tenant.rawValue), .int64(range.lowerBound.rawValue),
        .int64(range.upperBound.rawValue), .int64(Int64(byteLimit)),
        .int64(Int64(Self.segmentsInStep)),
      ])
    var segments: [Segment] = []
    for row in 0..<rows.count { segments.append(try Self.segment(rows, row, from: 0)) }
    return segments
  }

  package func lastRetainedToken(
    of tenant: TenantID, publishedBefore instant: Timestamp
  ) async throws(BusError) -> VisibilityToken? {
    let rows = try await call(
      """
      SELECT last_token FROM duckmesh_segment WHERE tenant_id = $1 AND published_at < $2
      ORDER BY first_token DESC LIMIT 1
      """, [.int64(tenant.rawValue), .int64(instant.microseconds)])
    return rows.count == 0 ? nil : VisibilityToken(rows.int64(0, 0))
  }

  package func trimSegments(limit: Int) async throws(BusError) -> Int {
    do {
      return Int(
        try await database.maintenance.call(
          "SELECT \(SQLFunction.trimSegments.name)($1, $2, $3, $4::BIGINT)",
          [
            .int64(Int64(retention.seconds)), .int64(Int64(retention.events)),
            .int64(Int64(limit)), database.wallOverride,
          ]
        ).int64(0, 0))
    } catch {
      throw BusError(error)
    }
  }
}
