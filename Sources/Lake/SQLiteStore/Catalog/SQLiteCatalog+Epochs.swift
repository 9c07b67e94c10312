import Catalog
import Consistency
import LakeTables
import Model
import SQLite

extension SQLiteCatalog {
  package func leaseEpochs() async throws(CatalogError) -> LeaseEpochs {
    let clock = database.clock
    return try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        let now = clock.lease().microseconds
        for table in ["duckmesh_consumer", "duckmesh_table_lease"] {
          try connection.prepare(
            """
            UPDATE \(table) SET epoch = epoch + 1, owner = NULL, leased_until = 0
            WHERE owner IS NOT NULL AND leased_until <= ?
            """
          ).bind(now, at: 1).run()
        }
        return LeaseEpochs(
          tenants: try tenantEpochs(connection), tables: try tableEpochs(connection))
      }
    }
  }

  private func tenantEpochs(
    _ connection: SQLiteConnection
  ) throws(SQLiteError) -> [String: LeaseEpoch] {
    let row = try connection.statement(
      "SELECT n.schema_id, c.epoch FROM duckmesh_tenant n JOIN duckmesh_consumer c USING (tenant_id)"
    )
    var epochs: [String: LeaseEpoch] = [:]
    while try row.step() {
      epochs[Folders.tenant(schema: row.int64(0))] = LeaseEpoch(row.int64(1))
    }
    return epochs
  }

  private func tableEpochs(
    _ connection: SQLiteConnection
  ) throws(SQLiteError) -> [String: LeaseEpoch] {
    let row = try connection.statement(
      """
      SELECT n.schema_id, t.table_id, l.epoch FROM duckmesh_table t
      JOIN duckmesh_tenant n USING (tenant_id) JOIN duckmesh_table_lease l USING (table_id)
      """)
    var epochs: [String: LeaseEpoch] = [:]
    while try row.step() {
      epochs[Folders.table(schema: row.int64(0), table: row.int64(1))] = LeaseEpoch(row.int64(2))
    }
    return epochs
  }
}
