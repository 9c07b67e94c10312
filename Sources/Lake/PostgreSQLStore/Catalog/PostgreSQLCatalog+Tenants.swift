import Catalog
import LakeTables
import Model
import PostgreSQL

extension PostgreSQLCatalog {
  private static let selection =
    "SELECT tenant_id, tenant_name, schema_id, created_at FROM duckmesh_tenant"

  package func tenant(named name: String) async throws(CatalogError) -> TenantRecord? {
    let rows = try await call(Self.selection + " WHERE tenant_name = $1", [.text(name)])
    return rows.count == 0 ? nil : Self.tenant(rows, 0)
  }

  package func tenants() async throws(CatalogError) -> [TenantRecord] {
    let rows = try await call(Self.selection + " ORDER BY tenant_name")
    return (0..<rows.count).map { Self.tenant(rows, $0) }
  }

  private static func tenant(_ rows: PostgreSQLRows, _ row: Int) -> TenantRecord {
    TenantRecord(
      id: TenantID(rows.int64(row, 0)), name: rows.text(row, 1),
      folder: Folders.tenant(schema: rows.int64(row, 2)),
      createdAt: Timestamp(microseconds: rows.int64(row, 3)))
  }

  package func ensureTenant(
    named name: String, limit: Int
  ) async throws(CatalogError) -> TenantRecord {
    if let known = try await tenant(named: name) { return known }
    let rows = try await call(
      """
      SELECT made_tenant, made_schema, made_at, outcome
      FROM \(SQLFunction.makeTenant.name)($1, $2, $3)
      """,
      [.text(name), .int64(Int64(limit)), database.wallOverride])
    switch rows.text(0, 3) {
    case "limit": throw .tenantLimitReached(limit: limit)
    case "contended": throw .contended
    default: break
    }
    return TenantRecord(
      id: TenantID(rows.int64(0, 0)), name: name,
      folder: Folders.tenant(schema: rows.int64(0, 1)),
      createdAt: Timestamp(microseconds: rows.int64(0, 2)))
  }
}
