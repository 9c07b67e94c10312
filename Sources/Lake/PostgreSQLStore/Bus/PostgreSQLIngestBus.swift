import Consistency
import IngestBus
import Model
import PostgreSQL

/// The ingest bus in PostgreSQL: segments, keys, heads and leases are tables of the catalog, and
/// each call is one call of a function there, in one round trip and one transaction.
package struct PostgreSQLIngestBus: IngestBus {
  let database: PostgreSQLDatabase
  let retention: SegmentRetention

  package init(database: PostgreSQLDatabase, retention: SegmentRetention = .none) {
    self.database = database
    self.retention = retention
  }

  package func extendLease(
    owner: OwnerID, claims: [(tenant: TenantID, epoch: LeaseEpoch)], leaseMs: Int
  ) async throws(BusError) -> [TenantID] {
    guard !claims.isEmpty else { return [] }
    let rows = try await call(
      "SELECT \(SQLFunction.extendLeases.name)($1, $2, $3, $4, $5::BIGINT)",
      [
        .text(owner.rawValue), .int64s(claims.map(\.tenant.rawValue)),
        .int64s(claims.map(\.epoch.rawValue)), .int64(Int64(leaseMs)), database.leaseOverride,
      ])
    let kept = Set(rows.int64s(0, 0))
    return claims.map(\.tenant).filter { kept.contains($0.rawValue) }
  }

  package func acknowledge(
    _ watermarks: [(tenant: TenantID, through: VisibilityToken)]
  ) async throws(BusError) {
    guard !watermarks.isEmpty, !retention.keepsAcknowledged else { return }
    _ = try await call(
      "SELECT \(SQLFunction.acknowledge.name)($1, $2)",
      [
        .int64s(watermarks.map(\.tenant.rawValue)), .int64s(watermarks.map(\.through.rawValue)),
      ])
  }

  package func release(
    owner: OwnerID, claims: [(tenant: TenantID, epoch: LeaseEpoch)], reason: ReleaseReason
  ) async throws(BusError) {
    guard !claims.isEmpty else { return }
    _ = try await call(
      "SELECT \(SQLFunction.releaseLeases.name)($1, $2, $3, $4::BIGINT)",
      [
        .text(owner.rawValue), .int64s(claims.map(\.tenant.rawValue)),
        .int64s(claims.map(\.epoch.rawValue)), database.leaseOverride,
      ])
  }

  package func requeueExpired() async throws(BusError) -> [TenantID] {
    try await call(
      "SELECT \(SQLFunction.requeueExpired.name)($1::BIGINT)", [database.leaseOverride]
    ).int64s(0, 0).map(TenantID.init)
  }

  package func backlog() async throws(BusError) -> [TenantBacklog] {
    let rows = try await call(
      "SELECT * FROM \(SQLFunction.backlog.name)($1::BIGINT)", [database.leaseOverride])
    return (0..<rows.count).map { row in
      TenantBacklog(
        tenant: TenantID(rows.int64(row, 0)), head: VisibilityToken(rows.int64(row, 1)),
        watermark: VisibilityToken(rows.int64(row, 2)),
        oldestPublishedAt: Timestamp(microseconds: rows.int64(row, 3)),
        bytes: Int(rows.int64(row, 4)),
        lease: LeaseView(
          owner: rows.optionalText(row, 5).map(OwnerID.init),
          until: Timestamp(microseconds: rows.int64(row, 6)),
          now: Timestamp(microseconds: rows.int64(row, 7))),
        voids: VoidRows.ranges(rows, row, from: 8))
    }
  }

  package func receipts(for keys: [KeyHash]) async throws(BusError) -> [KeyReceipt?] {
    guard !keys.isEmpty else { return [] }
    let rows = try await call(
      "SELECT place, token, content FROM \(SQLFunction.receipts.name)($1)",
      [.uuids(KeyHash.concatenated(keys))])
    var receipts: [KeyReceipt?] = Array(repeating: nil, count: keys.count)
    for row in 0..<rows.count {
      receipts[Int(rows.int64(row, 0)) - 1] = KeyReceipt(
        token: VisibilityToken(rows.int64(row, 1)), content: rows.int64(row, 2))
    }
    return receipts
  }

  func call(
    _ sql: String, _ values: [PostgreSQLValue]
  ) async throws(BusError) -> PostgreSQLRows {
    do { return try await database.general.call(sql, values) } catch { throw BusError(error) }
  }
}

extension KeyHash {
  /// Sixteen bytes for each key, end to end, as `uuid[]` is sent.
  static func concatenated(_ keys: some Collection<KeyHash>) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: keys.count * 16) { buffer, count in
      let raw = UnsafeMutableRawBufferPointer(buffer)
      for key in keys {
        raw.storeBytes(of: key.high.bigEndian, toByteOffset: count, as: UInt64.self)
        raw.storeBytes(of: key.low.bigEndian, toByteOffset: count + 8, as: UInt64.self)
        count += 16
      }
    }
  }
}
