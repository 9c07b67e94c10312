import Catalog
import LakeTables
import Model
import PostgreSQL

extension PostgreSQLCatalog {
  package func pin(
    _ snapshot: SnapshotID, name: String?, expiresAt: Timestamp?, tenant: TenantID, limit: Int
  ) async throws(CatalogError) -> SnapshotPin? {
    let rows = try await call(
      """
      SELECT outcome, pinned_at FROM \(SQLFunction.pinSnapshot.name)($1, $2, $3, $4, $5, $6)
      """,
      [
        .int64(tenant.rawValue), .int64(snapshot.rawValue), name.map { .text($0) } ?? .null,
        expiresAt.map { .int64($0.microseconds) } ?? .null, .int64(Int64(limit)),
        database.wallOverride,
      ])
    switch rows.text(0, 0) {
    case "pinned":
      return SnapshotPin(
        snapshot: snapshot, name: name, createdAt: Timestamp(microseconds: rows.int64(0, 1)),
        expiresAt: expiresAt)
    case "limit": return nil
    default: throw .snapshotNotFound
    }
  }

  package func unpin(
    _ snapshot: SnapshotID, tenant: TenantID
  ) async throws(CatalogError) -> Bool {
    let rows = try await call(
      """
      WITH gone AS (
        DELETE FROM duckmesh_pin p WHERE tenant_id = $1 AND holder = '' AND first_snapshot = $2
        RETURNING expires_at)
      SELECT count(*) FROM gone p WHERE \(PinSQL.isLive("p", now: "\(SQLFunction.now.name)($3)"))
      """,
      [.int64(tenant.rawValue), .int64(snapshot.rawValue), database.wallOverride])
    return rows.int64(0, 0) > 0
  }

  package func hold(
    _ snapshots: ClosedRange<SnapshotID>, tenant: TenantID, leaseMs: Int, limit: Int
  ) async throws(CatalogError) -> SnapshotHold? {
    let hold = SnapshotHold(tenant: tenant, id: RandomHex.digits(24))
    let rows = try await call(
      "SELECT outcome FROM \(SQLFunction.holdSnapshots.name)($1, $2, $3, $4, $5, $6, $7)",
      [
        .int64(tenant.rawValue), .text(hold.id), .int64(snapshots.lowerBound.rawValue),
        .int64(snapshots.upperBound.rawValue), .int64(Int64(leaseMs)), .int64(Int64(limit)),
        database.wallOverride,
      ])
    switch rows.text(0, 0) {
    case "held": return hold
    case "limit": return nil
    default: throw .snapshotNotFound
    }
  }

  package func release(_ hold: SnapshotHold) async throws(CatalogError) {
    _ = try await call(
      "DELETE FROM duckmesh_pin WHERE tenant_id = $1 AND holder = $2",
      [.int64(hold.tenant.rawValue), .text(hold.id)])
  }

  package func sweepPins() async throws(CatalogError) -> Int {
    let rows = try await maintain(
      """
      WITH gone AS (
        DELETE FROM duckmesh_pin WHERE expires_at <= \(SQLFunction.now.name)($1) RETURNING 1)
      SELECT count(*) FROM gone
      """,
      [database.wallOverride])
    return Int(rows.int64(0, 0))
  }
}
