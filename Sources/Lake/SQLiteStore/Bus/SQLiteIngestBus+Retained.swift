import Consistency
import IngestBus
import Model
import SQLite

extension SQLiteIngestBus: RetainedEvents {
  package func retainedSpan(of tenant: TenantID) async throws(BusError) -> RetainedSpan {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.statement(
        """
        SELECT first_token, published_at FROM duckmesh_segment WHERE tenant_id = ?
        ORDER BY first_token LIMIT 1
        """
      ).bind(tenant.rawValue, at: 1)
      defer { row.reset() }
      let isThere = try row.step()
      return RetainedSpan(
        first: isThere ? VisibilityToken(row.int64(0)) : nil,
        firstPublishedAt: isThere ? Timestamp(microseconds: row.int64(1)) : nil,
        head: try HeadRow.read(tenant, connection) ?? .none,
        voids: try VoidRows.read(tenant, connection))
    }
  }

  package func retainedSegments(
    of tenant: TenantID, _ range: ClosedRange<VisibilityToken>, byteLimit: Int
  ) async throws(BusError) -> [Segment] {
    try await read { (connection) throws(SQLiteError) in
      let rows = try connection.statement(
        """
        SELECT first_token, last_token, record_count, byte_count, published_at, skipped, body
        FROM duckmesh_segment
        WHERE tenant_id = ?1 AND first_token <= ?3 AND last_token >= ?2
          AND first_token >= coalesce((SELECT max(first_token) FROM duckmesh_segment
            WHERE tenant_id = ?1 AND first_token <= ?2), 0)
        ORDER BY first_token
        """
      ).bind(tenant.rawValue, at: 1).bind(range.lowerBound.rawValue, at: 2)
        .bind(range.upperBound.rawValue, at: 3)
      defer { rows.reset() }
      var segments: [Segment] = []
      var bytes = 0
      while bytes < byteLimit, try rows.step() {
        let segment = try SegmentRow.segment(rows)
        bytes += segment.body.byteCount
        segments.append(segment)
      }
      return segments
    }
  }

  package func lastRetainedToken(
    of tenant: TenantID, publishedBefore instant: Timestamp
  ) async throws(BusError) -> VisibilityToken? {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.statement(
        """
        SELECT last_token FROM duckmesh_segment WHERE tenant_id = ? AND published_at < ?
        ORDER BY first_token DESC LIMIT 1
        """
      ).bind(tenant.rawValue, at: 1).bind(instant.microseconds, at: 2)
      defer { row.reset() }
      return try row.step() ? VisibilityToken(row.int64(0)) : nil
    }
  }

  package func trimSegments(limit: Int) async throws(BusError) -> Int {
    let clock = database.clock
    let retention = retention
    let tenants = try await read { (connection) throws(SQLiteError) in
      let rows = try connection.statement("SELECT DISTINCT tenant_id FROM duckmesh_segment")
      var tenants: [TenantID] = []
      while try rows.step() { tenants.append(TenantID(rows.int64(0))) }
      return tenants
    }
    var deleted = 0
    // A transaction each: publishing waits for the one that runs.
    for tenant in tenants {
      deleted += try await write { (connection) throws(SQLiteError) in
        try connection.statement(Self.trimming)
          .bind(tenant.rawValue, at: 1)
          .bind(clock.wall().adding(seconds: -retention.seconds).microseconds, at: 2)
          .bind(Int64(retention.events), at: 3).bind(Int64(limit), at: 4).run()
        return Int(connection.changes)
      }
    }
    return deleted
  }

  /// The oldest go first, so that what is left has no gap: up to the first that is young enough,
  /// or beyond it when there are more events than may stay.
  private static let trimming: StaticString = """
    DELETE FROM duckmesh_segment WHERE rowid IN (
      SELECT s.rowid FROM duckmesh_segment s, duckmesh_consumer c
      WHERE s.tenant_id = ?1 AND c.tenant_id = ?1 AND s.last_token <= c.watermark
        AND (s.last_token <= c.watermark - ?3
          OR s.first_token < coalesce((SELECT k.first_token FROM duckmesh_segment k
            WHERE k.tenant_id = ?1 AND (k.published_at > ?2 OR k.last_token > c.watermark)
            ORDER BY k.first_token LIMIT 1), c.watermark + 1))
        AND s.last_token < coalesce((SELECT r.next_token FROM duckmesh_event_replay r
          WHERE r.tenant_id = ?1 AND r.status = 'running'), c.watermark + 1)
      ORDER BY s.first_token LIMIT ?4)
    """
}
