import Catalog
import Consistency
import LakeTables
import Model
import SQLite

extension SQLiteCatalog {
  package func accounts() async throws(CatalogError) -> [TenantAccount] {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.statement(
        """
        SELECT n.tenant_id, n.tenant_name, h.head, c.watermark, c.inserted, c.superseded,
          c.no_operation, c.dead_lettered, c.discarded
        FROM duckmesh_tenant n JOIN duckmesh_head h USING (tenant_id)
        JOIN duckmesh_consumer c USING (tenant_id) ORDER BY n.tenant_id
        """)
      var accounts: [TenantAccount] = []
      while try row.step() {
        accounts.append(
          TenantAccount(
            tenant: TenantID(row.int64(0)), tenantName: row.text(1), acknowledged: row.int64(2),
            counts: LedgerCounts(
              inserted: row.int64(4), superseded: row.int64(5), noOperation: row.int64(6),
              deadLettered: row.int64(7)),
            discarded: row.int64(8), pending: row.int64(2) - row.int64(3),
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
          (SELECT coalesce(sum(inserted), 0) FROM duckmesh_ledger l
           WHERE l.tenant_id = t.tenant_id AND l.table_id = t.table_id),
          (SELECT max(snapshot_id) FROM duckmesh_ledger l
           WHERE l.tenant_id = t.tenant_id AND l.table_id = t.table_id AND l.inserted > 0)
        FROM duckmesh_table t JOIN duckmesh_tenant n USING (tenant_id) WHERE t.tenant_id = ?
        """
      ).bind(tenant.rawValue, at: 1)
      var accounts: [TableAccount] = []
      while try row.step() {
        let table = row.int64(0)
        let folder = Folders.table(schema: row.int64(2), table: table)
        let dropped = row.optionalInt64(1)
        let files = try Self.lastFiles(of: table, dropped: dropped, folder: folder, connection)
        let inserted = row.int64(3)
        // A file is kept as long as a snapshot before the drop shows it. Expiry hands the ledger
        // rows of what it takes to the next snapshot: once the last of them is at the drop, files
        // may be gone.
        let isExpired = dropped.map { (row.optionalInt64(4) ?? $0) >= $0 } ?? false
        accounts.append(
          TableAccount(
            table: TableID(table), tenant: tenant, folder: folder, isDropped: dropped != nil,
            ledgerInserted: inserted, isExpired: isExpired, files: files))
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

/// A rule with the query that gives the tenants (or NULL for the lake) that break it.
private struct CatalogRule: Sendable {
  let text: String
  let query: String

  static let all: [CatalogRule] = [
    CatalogRule(
      text: "each token has exactly one key",
      query: """
        SELECT h.tenant_id FROM duckmesh_head h WHERE h.head <> (
          SELECT count(*) FROM duckmesh_key k JOIN duckmesh_table t USING (table_id)
          WHERE t.tenant_id = h.tenant_id)
        """),
    CatalogRule(
      text: "no two keys of a tenant share a token",
      query: """
        SELECT DISTINCT tenant_id FROM (SELECT t.tenant_id FROM duckmesh_key k
          JOIN duckmesh_table t USING (table_id)
          GROUP BY t.tenant_id, k.token HAVING count(*) > 1)
        """),
    CatalogRule(
      text: "a key's token is one that was issued",
      query: """
        SELECT DISTINCT t.tenant_id FROM duckmesh_key k JOIN duckmesh_table t USING (table_id)
        JOIN duckmesh_head h USING (tenant_id) WHERE k.token NOT BETWEEN 1 AND h.head
        """),
    CatalogRule(
      text: "segments follow the watermark without a gap up to the head",
      query: """
        SELECT c.tenant_id FROM duckmesh_consumer c JOIN duckmesh_head h USING (tenant_id)
        WHERE h.head > c.watermark AND h.head IS NOT (SELECT max(s.last_token)
          FROM duckmesh_segment s WHERE s.tenant_id = c.tenant_id AND s.first_token > c.watermark)
        UNION SELECT tenant_id FROM (SELECT s.tenant_id, s.first_token, s.last_token,
            lag(s.last_token, 1, c.watermark)
              OVER (PARTITION BY s.tenant_id ORDER BY s.first_token) AS previous
          FROM duckmesh_segment s JOIN duckmesh_consumer c USING (tenant_id)
          WHERE s.first_token > c.watermark)
        WHERE first_token <> previous + 1 OR last_token < first_token
        """),
    CatalogRule(
      text: "a watermark does not pass the head",
      query: """
        SELECT c.tenant_id FROM duckmesh_consumer c JOIN duckmesh_head h USING (tenant_id)
        WHERE c.watermark > h.head
        """),
    CatalogRule(
      text: "the ledger accounts for every token up to the watermark",
      query: """
        SELECT c.tenant_id FROM duckmesh_consumer c WHERE c.watermark <> (
          SELECT coalesce(sum(inserted + superseded + no_operation + dead_lettered), 0)
          FROM duckmesh_ledger l WHERE l.tenant_id = c.tenant_id)
        """),
    CatalogRule(
      text: "the totals are what the ledger adds up to",
      query: """
        SELECT c.tenant_id FROM duckmesh_consumer c LEFT JOIN (
          SELECT tenant_id, sum(inserted) i, sum(superseded) s, sum(no_operation) n,
            sum(dead_lettered) d FROM duckmesh_ledger GROUP BY tenant_id) l USING (tenant_id)
        WHERE (c.inserted, c.superseded, c.no_operation, c.dead_lettered) <>
          (coalesce(l.i, 0), coalesce(l.s, 0), coalesce(l.n, 0), coalesce(l.d, 0))
        """),
    CatalogRule(
      text: "the newest snapshot of a tenant carries its watermark",
      query: """
        SELECT c.tenant_id FROM duckmesh_consumer c WHERE c.watermark IS NOT (
          SELECT watermark FROM duckmesh_watermark w WHERE w.tenant_id = c.tenant_id
          ORDER BY snapshot_id DESC LIMIT 1)
        """),
    CatalogRule(
      text: "a tenant's watermark rises with its snapshots",
      query: """
        SELECT DISTINCT tenant_id FROM (SELECT tenant_id, watermark,
          lag(watermark) OVER (PARTITION BY tenant_id ORDER BY snapshot_id) AS previous
          FROM duckmesh_watermark) WHERE watermark < previous
        """),
    CatalogRule(
      text: "the rows of a table's files are the rows its ledger inserted",
      query: """
        SELECT t.tenant_id FROM duckmesh_table t WHERE t.dropped_snapshot IS NULL AND (
          SELECT coalesce(sum(record_count), 0) FROM ducklake_data_file f
          WHERE f.table_id = t.table_id AND f.end_snapshot IS NULL) <> (
          SELECT coalesce(sum(inserted), 0) FROM duckmesh_ledger l
          WHERE l.tenant_id = t.tenant_id AND l.table_id = t.table_id)
        """),
    CatalogRule(
      text: "each dead letter of the ledger is kept",
      query: """
        SELECT c.tenant_id FROM duckmesh_consumer c WHERE c.dead_lettered - c.discarded <> (
          SELECT count(*) FROM duckmesh_dead_letter d WHERE d.tenant_id = c.tenant_id)
        """),
    CatalogRule(
      text: "snapshot times rise with snapshot ids",
      query: """
        SELECT NULL FROM (SELECT snapshot_time,
          lag(snapshot_time) OVER (ORDER BY snapshot_id) AS previous
          FROM ducklake_snapshot) WHERE snapshot_time <= previous LIMIT 1
        """),
    CatalogRule(
      text: "no path is named twice",
      query: """
        SELECT NULL FROM ducklake_data_file GROUP BY table_id, path HAVING count(*) > 1 LIMIT 1
        """),
    // Whoever works the schedule off would take away what a snapshot shows.
    CatalogRule(
      text: "no file of the lake is on the schedule of deletion",
      query: """
        SELECT DISTINCT t.tenant_id FROM (
          SELECT table_id, path FROM ducklake_data_file
          UNION ALL SELECT table_id, path FROM ducklake_delete_file) f
        JOIN duckmesh_table t USING (table_id) JOIN duckmesh_tenant n USING (tenant_id)
        JOIN ducklake_files_scheduled_for_deletion g
          ON g.path = 'schema-' || n.schema_id || '/table-' || t.table_id || '/' || f.path
        """),
  ]
}
