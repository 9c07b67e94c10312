import Catalog
import LakeTables
import Model
import PostgreSQL

extension PostgreSQLCatalog {
  package func leaseTable(
    _ table: TableID, owner: OwnerID, leaseMs: Int
  ) async throws(CatalogError) -> LeaseEpoch? {
    let rows = try await call(
      "SELECT claimed FROM \(SQLFunction.claimTable.name)($1, $2, $3, $4)",
      [
        .int64(table.rawValue), .text(owner.rawValue), .int64(Int64(leaseMs)),
        database.leaseOverride,
      ])
    return rows.optionalInt64(0, 0).map(LeaseEpoch.init)
  }

  package func releaseTable(
    _ table: TableID, owner: OwnerID, epoch: LeaseEpoch
  ) async throws(CatalogError) {
    _ = try await call(
      "SELECT \(SQLFunction.fenceTable.name)($1, $2, $3)",
      [.int64(table.rawValue), .text(owner.rawValue), .int64(epoch.rawValue)])
  }

  package func leaseEpochs() async throws(CatalogError) -> LeaseEpochs {
    _ = try await maintain("SELECT \(SQLFunction.raiseEpochs.name)($1)", [database.leaseOverride])
    let rows = try await maintain(
      """
      SELECT n.schema_id, NULL::BIGINT, c.epoch FROM duckmesh_tenant n
      JOIN duckmesh_consumer c USING (tenant_id)
      UNION ALL
      SELECT n.schema_id, t.table_id, l.epoch FROM duckmesh_table t
      JOIN duckmesh_tenant n USING (tenant_id) JOIN duckmesh_table_lease l USING (table_id)
      """)
    var tenants: [String: LeaseEpoch] = [:]
    var tables: [String: LeaseEpoch] = [:]
    for row in 0..<rows.count {
      let schema = rows.int64(row, 0)
      let epoch = LeaseEpoch(rows.int64(row, 2))
      if let table = rows.optionalInt64(row, 1) {
        tables[Folders.table(schema: schema, table: table)] = epoch
      } else {
        tenants[Folders.tenant(schema: schema)] = epoch
      }
    }
    return LeaseEpochs(tenants: tenants, tables: tables)
  }
}
