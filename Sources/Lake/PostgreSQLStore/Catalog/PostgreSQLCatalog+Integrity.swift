import Catalog
import Consistency
import LakeTables
import Model
import PostgreSQL

extension PostgreSQLCatalog {
  package func accounts() async throws(CatalogError) -> [TenantAccount] {
    let rows = try await call(
      """
      SELECT n.tenant_id, n.tenant_name, h.head, c.watermark, c.inserted, c.superseded,
        c.no_operation, c.dead_lettered - c.replayed - c.discarded, c.discarded,
        \(VoidSQL.count("n.tenant_id", "v.last_token <= c.watermark"))::BIGINT,
        \(VoidSQL.count("n.tenant_id", "v.first_token > c.watermark"))::BIGINT, c.deleted
      FROM duckmesh_tenant n JOIN duckmesh_head h USING (tenant_id)
      JOIN duckmesh_consumer c USING (tenant_id) ORDER BY n.tenant_id
      """)
    return (0..<rows.count).map { row in
      let (head, watermark) = (rows.int64(row, 2), rows.int64(row, 3))
      let (voidBelow, voidAbove) = (rows.int64(row, 9), rows.int64(row, 10))
      return TenantAccount(
        tenant: TenantID(rows.int64(row, 0)), tenantName: rows.text(row, 1),
        acknowledged: head - voidBelow - voidAbove,
        counts: LedgerCounts(
          inserted: rows.int64(row, 4), deleted: rows.int64(row, 11),
          superseded: rows.int64(row, 5), noOperation: rows.int64(row, 6),
          deadLettered: rows.int64(row, 7)),
        discarded: rows.int64(row, 8), pending: head - watermark - voidAbove,
        watermark: VisibilityToken(watermark))
    }
  }

  package func tableAccounts(tenant: TenantID) async throws(CatalogError) -> [TableAccount] {
    let rows = try await maintain(Self.tableAccountSelection, [.int64(tenant.rawValue)])
    return (0..<rows.count).map { row in
      let table = rows.int64(row, 0)
      let folder = Folders.table(schema: rows.int64(row, 2), table: table)
      return TableAccount(
        table: TableID(table), tenant: tenant, folder: folder, isDropped: !rows.isNull(row, 1),
        ledgerInserted: rows.int64(row, 3), ledgerRemoved: rows.int64(row, 4),
        isExpired: rows.bool(row, 5),
        files: FileRows.records(rows, row, from: 6, folder: folder))
    }
  }

  /// With the table's live files, or those that were live when it was dropped.
  private static let tableAccountSelection = """
    SELECT t.table_id, t.dropped_snapshot, n.schema_id, l.inserted, l.removed,
      t.dropped_snapshot IS NOT NULL AND NOT EXISTS (\(TableHistorySQL.shownState)), files.*
    FROM duckmesh_table t JOIN duckmesh_tenant n USING (tenant_id)
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(k.inserted + k.restored_rows), 0)::BIGINT AS inserted,
        coalesce(sum(k.removed_rows + k.undone_rows), 0)::BIGINT AS removed
      FROM duckmesh_ledger k WHERE k.tenant_id = t.tenant_id AND k.table_id = t.table_id) l
    CROSS JOIN LATERAL (
      SELECT \(FileRows.arrays) FROM (
        SELECT \(FileRows.columns) FROM ducklake_data_file f
        LEFT JOIN ducklake_delete_file d ON d.data_file_id = f.data_file_id
          AND d.end_snapshot IS NOT DISTINCT FROM t.dropped_snapshot
        WHERE f.table_id = t.table_id AND f.end_snapshot IS NOT DISTINCT FROM t.dropped_snapshot
        ORDER BY f.data_file_id) s) files
    WHERE t.tenant_id = $1 ORDER BY t.table_id
    """

  package func violations() async throws(CatalogError) -> [CatalogViolation] {
    // One statement, so that all rules are held against one committed state.
    let rows = try await maintain(
      CatalogRule.all.enumerated().map { index, rule in
        "SELECT \(index)::BIGINT, broken.* FROM (\(rule.query)) AS broken(tenant_id)"
      }.joined(separator: "\nUNION ALL\n"))
    return (0..<rows.count).map { row in
      CatalogViolation(
        tenant: rows.optionalInt64(row, 1).map(TenantID.init),
        rule: CatalogRule.all[Int(rows.int64(row, 0))].text)
    }
  }
}
