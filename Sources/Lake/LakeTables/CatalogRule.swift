/// A rule that every catalog is held to, whatever database it is in, with the query that gives the
/// tenants (or NULL for the lake) that break it.
///
/// The queries are in the SQL that SQLite and PostgreSQL share.
package struct CatalogRule: Sendable {
  package let text: String
  package let query: String

  package static let all: [CatalogRule] = [
    CatalogRule(
      text: "each token has exactly one key",
      query: """
        SELECT h.tenant_id FROM duckmesh_head h
        WHERE h.head - \(VoidSQL.count("h.tenant_id", "v.first_token <= h.head")) <> (
          SELECT count(*) FROM duckmesh_key k JOIN duckmesh_table t USING (table_id)
          WHERE t.tenant_id = h.tenant_id)
        """),
    CatalogRule(
      text: "no two keys of a tenant share a token",
      query: """
        SELECT DISTINCT tenant_id FROM (SELECT t.tenant_id FROM duckmesh_key k
          JOIN duckmesh_table t USING (table_id)
          GROUP BY t.tenant_id, k.token HAVING count(*) > 1) AS shared
        """),
    CatalogRule(
      text: "a key's token is one that was issued",
      query: """
        SELECT DISTINCT t.tenant_id FROM duckmesh_key k JOIN duckmesh_table t USING (table_id)
        JOIN duckmesh_head h USING (tenant_id) WHERE k.token NOT BETWEEN 1 AND h.head
          OR EXISTS (SELECT 1 FROM duckmesh_void v WHERE v.tenant_id = t.tenant_id
            AND k.token BETWEEN v.first_token AND v.last_token)
        """),
    CatalogRule(
      text: "segments follow the watermark without a gap up to the head",
      query: """
        SELECT c.tenant_id FROM duckmesh_consumer c JOIN duckmesh_head h USING (tenant_id)
        WHERE h.head > c.watermark AND h.head IS DISTINCT FROM (SELECT max(s.last_token) FROM (
            SELECT tenant_id, first_token, last_token FROM duckmesh_segment
            UNION ALL SELECT tenant_id, first_token, last_token FROM duckmesh_void) AS s
          WHERE s.tenant_id = c.tenant_id AND s.first_token > c.watermark)
        UNION SELECT tenant_id FROM (SELECT s.tenant_id, s.first_token, s.last_token,
            lag(s.last_token, 1, c.watermark)
              OVER (PARTITION BY s.tenant_id ORDER BY s.first_token) AS previous
          FROM (SELECT tenant_id, first_token, last_token FROM duckmesh_segment
            UNION ALL SELECT tenant_id, first_token, last_token FROM duckmesh_void) AS s
          JOIN duckmesh_consumer c USING (tenant_id)
          WHERE s.first_token > c.watermark) AS pending
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
        SELECT c.tenant_id FROM duckmesh_consumer c
        WHERE c.watermark - \(VoidSQL.count("c.tenant_id", "v.last_token <= c.watermark")) <> (
          SELECT coalesce(sum(
            inserted + deleted + superseded + no_operation + dead_lettered - replayed), 0)
          FROM duckmesh_ledger l WHERE l.tenant_id = c.tenant_id)
        """),
    CatalogRule(
      text: "void tokens lie apart, and wholly on one side of the watermark",
      query: """
        SELECT v.tenant_id FROM duckmesh_void v JOIN duckmesh_consumer c USING (tenant_id)
        JOIN duckmesh_head h USING (tenant_id)
        WHERE v.last_token < v.first_token OR v.last_token > h.head
          OR c.watermark BETWEEN v.first_token - 1 AND v.last_token - 1
          OR EXISTS (SELECT 1 FROM duckmesh_void o WHERE o.tenant_id = v.tenant_id
            AND o.first_token > v.first_token AND o.first_token <= v.last_token + 1)
        """),
    CatalogRule(
      text: "the totals are what the ledger adds up to",
      query: """
        SELECT c.tenant_id FROM duckmesh_consumer c LEFT JOIN (
          SELECT tenant_id, sum(inserted) i, sum(deleted) e, sum(superseded) s,
            sum(no_operation) n, sum(dead_lettered) d, sum(replayed) r
          FROM duckmesh_ledger GROUP BY tenant_id) l USING (tenant_id)
        WHERE (c.inserted, c.deleted, c.superseded, c.no_operation, c.dead_lettered, c.replayed) <>
          (coalesce(l.i, 0), coalesce(l.e, 0), coalesce(l.s, 0), coalesce(l.n, 0), coalesce(l.d, 0),
            coalesce(l.r, 0))
        """),
    CatalogRule(
      text: "the newest snapshot of a tenant carries its watermark",
      query: """
        SELECT c.tenant_id FROM duckmesh_consumer c WHERE c.watermark IS DISTINCT FROM (
          SELECT watermark FROM duckmesh_watermark w WHERE w.tenant_id = c.tenant_id
          ORDER BY snapshot_id DESC LIMIT 1)
        """),
    CatalogRule(
      text: "a tenant's watermark rises with its snapshots",
      query: """
        SELECT DISTINCT tenant_id FROM (SELECT tenant_id, watermark,
          lag(watermark) OVER (PARTITION BY tenant_id ORDER BY snapshot_id) AS previous
          FROM duckmesh_watermark) AS step WHERE watermark < previous
        """),
    CatalogRule(
      text: "the live rows of a table's files are those its ledger inserted and did not remove",
      query: """
        SELECT t.tenant_id FROM duckmesh_table t WHERE t.dropped_snapshot IS NULL AND (
          SELECT coalesce(sum(f.record_count - coalesce((
            SELECT sum(d.delete_count) FROM ducklake_delete_file d
            WHERE d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL), 0)), 0)
          FROM ducklake_data_file f
          WHERE f.table_id = t.table_id AND f.end_snapshot IS NULL) <> (
          SELECT coalesce(sum(inserted - removed_rows + restored_rows - undone_rows), 0) FROM duckmesh_ledger l
          WHERE l.tenant_id = t.tenant_id AND l.table_id = t.table_id)
        """),
    CatalogRule(
      text: "a table's newest row of the ledger tells how many rows it has",
      query: """
        SELECT t.tenant_id FROM duckmesh_table t WHERE coalesce((
          SELECT l.table_rows FROM duckmesh_ledger l
          WHERE l.tenant_id = t.tenant_id AND l.table_id = t.table_id
          ORDER BY l.snapshot_id DESC LIMIT 1), 0) <> (
          SELECT coalesce(sum(inserted - removed_rows + restored_rows - undone_rows), 0) FROM duckmesh_ledger l
          WHERE l.tenant_id = t.tenant_id AND l.table_id = t.table_id)
        """),
    CatalogRule(
      text: "an event removes one row at most, and each that deletes removes one",
      query: """
        SELECT DISTINCT tenant_id FROM duckmesh_ledger
        WHERE removed_rows < deleted OR removed_rows > inserted + deleted
        """),
    // A reader takes the newest delete file for the only one.
    CatalogRule(
      text: "a live data file has one delete file at most, over some of its rows",
      query: """
        SELECT DISTINCT t.tenant_id FROM ducklake_delete_file d
        JOIN duckmesh_table t USING (table_id)
        LEFT JOIN ducklake_data_file f ON f.data_file_id = d.data_file_id
        WHERE d.end_snapshot IS NULL AND (f.data_file_id IS NULL OR f.end_snapshot IS NOT NULL
          OR f.table_id <> d.table_id OR d.delete_count < 1 OR d.delete_count > f.record_count
          OR EXISTS (SELECT 1 FROM ducklake_delete_file o WHERE o.data_file_id = d.data_file_id
            AND o.delete_file_id <> d.delete_file_id
            AND (o.end_snapshot IS NULL OR o.end_snapshot > d.begin_snapshot)))
        """),
    CatalogRule(
      text: "each dead letter of the ledger is kept",
      query: """
        SELECT c.tenant_id FROM duckmesh_consumer c
        WHERE c.dead_lettered - c.replayed - c.discarded <> (
          SELECT count(*) FROM duckmesh_dead_letter d WHERE d.tenant_id = c.tenant_id)
        """),
    CatalogRule(
      text: "each dead letter that was replayed or discarded is settled, and no other is",
      query: """
        SELECT c.tenant_id FROM duckmesh_consumer c
        WHERE c.discarded <> (SELECT count(*) FROM duckmesh_settled_letter s
            WHERE s.tenant_id = c.tenant_id AND s.settlement = 'discarded')
          OR c.replayed <> (SELECT count(*) FROM duckmesh_settled_letter s
            WHERE s.tenant_id = c.tenant_id AND s.settlement <> 'discarded')
        """),
    CatalogRule(
      text: "a table's open letters are those of its ledger that are not settled",
      query: """
        SELECT t.tenant_id FROM duckmesh_table t WHERE (
          SELECT coalesce(sum(dead_lettered - replayed), 0) FROM duckmesh_ledger l
          WHERE l.tenant_id = t.tenant_id AND l.table_id = t.table_id) <> (
          SELECT count(*) FROM duckmesh_dead_letter d
          WHERE d.tenant_id = t.tenant_id AND d.table_id = t.table_id) + (
          SELECT count(*) FROM duckmesh_settled_letter s
          WHERE s.table_id = t.table_id AND s.settlement = 'discarded')
        """),
    CatalogRule(
      text: "a dead letter is one event of the past, open or settled",
      query: """
        SELECT DISTINCT c.tenant_id FROM duckmesh_consumer c JOIN (
          SELECT tenant_id, token FROM duckmesh_dead_letter
          UNION ALL SELECT tenant_id, token FROM duckmesh_settled_letter) d USING (tenant_id)
        GROUP BY c.tenant_id, c.watermark, d.token
        HAVING count(*) > 1 OR d.token > c.watermark OR d.token < 1
        """),
    // Without the letter nobody would ever take it away.
    CatalogRule(
      text: "a deleted key is kept for an open letter with a lower token",
      query: """
        SELECT DISTINCT t.tenant_id FROM duckmesh_key_tombstone k
        JOIN duckmesh_table t USING (table_id)
        WHERE NOT EXISTS (SELECT 1 FROM duckmesh_dead_letter d
          WHERE d.table_id = k.table_id AND d.token < k.token)
        """),
    // Of ours, later than whatever is before them. Another program writes its own clock's time.
    CatalogRule(
      text: "snapshot times rise with snapshot ids",
      query: """
        SELECT CAST(NULL AS BIGINT) FROM (SELECT snapshot_id, snapshot_time,
            lag(snapshot_time) OVER (ORDER BY snapshot_id) AS previous
            FROM ducklake_snapshot) AS step
          LEFT JOIN ducklake_snapshot_changes AS made USING (snapshot_id)
          WHERE step.snapshot_time <= step.previous
            AND (made.author = 'duckmesh' OR made.author IS NULL) LIMIT 1
        """),
    CatalogRule(
      text: "no path is named twice",
      query: """
        SELECT CAST(NULL AS BIGINT) FROM (
          SELECT table_id, path FROM ducklake_data_file
          UNION ALL SELECT table_id, path FROM ducklake_delete_file) AS named
        GROUP BY table_id, path HAVING count(*) > 1 LIMIT 1
        """),
    CatalogRule(
      text: "a pinned snapshot is kept",
      query: """
        SELECT DISTINCT p.tenant_id FROM duckmesh_pin p
        WHERE p.holder = '' AND p.expires_at IS NULL AND NOT EXISTS (
          SELECT 1 FROM ducklake_snapshot s WHERE s.snapshot_id = p.first_snapshot)
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
