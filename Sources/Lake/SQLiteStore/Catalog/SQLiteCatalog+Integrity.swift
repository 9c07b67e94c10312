import Catalog
import Consistency
import LakeTables
import Model
import SQLite

extension SQLiteCatalog {
  package func accounts() async throws(CatalogError) -> [TenantAccount] {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.prepare(
        """
        SELECT n.tenant_id, n.tenant_name, h.head, c.watermark, c.inserted, c.superseded,
          c.no_operation, c.dead_lettered - c.replayed - c.discarded, c.discarded,
          \(VoidSQL.count("n.tenant_id", "v.last_token <= c.watermark")),
          \(VoidSQL.count("n.tenant_id", "v.first_token > c.watermark")), c.deleted
        FROM duckmesh_tenant n JOIN duckmesh_head h USING (tenant_id)
        JOIN duckmesh_consumer c USING (tenant_id) ORDER BY n.tenant_id
        """)
      var accounts: [TenantAccount] = []
      while try row.step() {
        accounts.append(
          TenantAccount(
            tenant: TenantID(row.int64(0)), tenantName: row.text(1),
            acknowledged: row.int64(2) - row.int64(9) - row.int64(10),
            counts: LedgerCounts(
              inserted: row.int64(4), deleted: row.int64(11), superseded: row.int64(5),
              noOperation: row.int64(6), deadLettered: row.int64(7)),
            discarded: row.int64(8), pending: row.int64(2) - row.int64(3) - row.int64(10),
            watermark: VisibilityToken(row.int64(3))))
      }
      return accounts
    }
  }

  package func tableAccounts(tenant: TenantID) async throws(CatalogError) -> [TableAccount] {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.prepare(
        """
        SELECT t.table_id, t.dropped_snapshot, n.schema_id,
          (SELECT coalesce(sum(inserted + restored_rows), 0) FROM duckmesh_ledger l
           WHERE l.tenant_id = t.tenant_id AND l.table_id = t.table_id),
          (SELECT coalesce(sum(removed_rows + undone_rows), 0) FROM duckmesh_ledger l
           WHERE l.tenant_id = t.tenant_id AND l.table_id = t.table_id),
          t.dropped_snapshot IS NOT NULL AND NOT EXISTS (\(TableHistorySQL.shownState))
        FROM duckmesh_table t JOIN duckmesh_tenant n USING (tenant_id) WHERE t.tenant_id = ?
        """
      ).bind(tenant.rawValue, at: 1)
      var accounts: [TableAccount] = []
      while try row.step() {
        let table = row.int64(0)
        let folder = Folders.table(schema: row.int64(2), table: table)
        let dropped = row.optionalInt64(1)
        let files = try Self.lastFiles(of: table, dropped: dropped, folder: folder, connection)
        accounts.append(
          TableAccount(
            table: TableID(table), tenant: tenant, folder: folder, isDropped: dropped != nil,
            ledgerInserted: row.int64(3), ledgerRemoved: row.int64(4),
            isExpired: row.int64(5) != 0, files: files))
      }
      return accounts
    }
  }

  /// The table's live files, or those that were live when it was dropped.
  private static func lastFiles(
    of table: Int64, dropped: Int64?, folder: String, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> [DataFileRecord] {
    let row = try connection.prepare(
      fileSelection + """
         LEFT JOIN ducklake_delete_file d ON d.data_file_id = f.data_file_id
          AND d.end_snapshot IS ?2
        WHERE f.table_id = ?1 AND f.end_snapshot IS ?2 ORDER BY f.data_file_id
        """
    ).bind(table, at: 1).bind(dropped, at: 2)
    var files: [DataFileRecord] = []
    while try row.step() { files.append(file(row, folder: folder)) }
    return files
  }

  package func violations() async throws(CatalogError) -> [CatalogViolation] {
    try await read { (connection) throws(SQLiteError) in
      var violations: [CatalogViolation] = []
      for rule in CatalogRule.all {
        let row = try connection.prepare(rule.query)
        while try row.step() {
          violations.append(
            CatalogViolation(tenant: row.optionalInt64(0).map(TenantID.init), rule: rule.text))
        }
      }
      return violations
    }
  }
}
