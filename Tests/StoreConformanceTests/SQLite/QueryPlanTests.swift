import IngestBus
import Model
import SQLite
import SQLiteStore
import Testing

/// The statements of the hot paths look up and never scan a table that grows.
@Suite struct QueryPlanTests {
  @Test(arguments: [
    "SELECT watermark FROM duckmesh_consumer WHERE tenant_id = ?",
    "SELECT token, content FROM duckmesh_key WHERE key = ?",
    "SELECT schema_version FROM duckmesh_table WHERE table_id = ? AND tenant_id = ?",
    "SELECT body FROM duckmesh_segment WHERE tenant_id = ? AND first_token > ?"
      + " ORDER BY first_token",
    "DELETE FROM duckmesh_segment WHERE tenant_id = ?1 AND last_token <= ?2",
    "SELECT snapshot_id FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1",
    "SELECT snapshot_id FROM ducklake_snapshot WHERE snapshot_time <= ?"
      + " ORDER BY snapshot_time DESC LIMIT 1",
    "SELECT table_rows FROM duckmesh_ledger WHERE tenant_id = ? AND table_id = ?"
      + " AND snapshot_id <= ? ORDER BY snapshot_id DESC LIMIT 1",
    "UPDATE ducklake_table_stats SET record_count = 1 WHERE table_id = ?",
    "SELECT snapshot_id FROM duckmesh_commit WHERE commit_id = ?",
    "DELETE FROM ducklake_files_scheduled_for_deletion WHERE path = ?",
    "DELETE FROM ducklake_data_file WHERE data_file_id = ?",
    "DELETE FROM ducklake_file_column_stats WHERE data_file_id = ?",
    "SELECT column_name FROM ducklake_column WHERE table_id = ?1 AND begin_snapshot <= ?2",
    "SELECT path FROM ducklake_data_file f WHERE f.table_id = ?1 AND f.begin_snapshot <= ?2"
      + " AND (f.end_snapshot IS NULL OR f.end_snapshot > ?2)",
    "SELECT 1 FROM ducklake_delete_file d WHERE d.data_file_id = ?1",
    "SELECT f.path, d.path FROM ducklake_data_file f LEFT JOIN ducklake_delete_file d"
      + " ON d.delete_file_id = (SELECT c.delete_file_id FROM ducklake_delete_file c"
      + " WHERE c.data_file_id = f.data_file_id AND c.begin_snapshot <= ?2"
      + " ORDER BY c.begin_snapshot DESC LIMIT 1)"
      + " AND (d.end_snapshot IS NULL OR d.end_snapshot > ?2)"
      + " WHERE f.table_id = ?1 AND f.begin_snapshot <= ?2"
      + " AND (f.end_snapshot IS NULL OR f.end_snapshot > ?2)",
    "UPDATE ducklake_delete_file SET end_snapshot = ?2"
      + " WHERE data_file_id = ?1 AND end_snapshot IS NULL",
    "SELECT t.table_id FROM duckmesh_table t JOIN duckmesh_tenant n USING (tenant_id)"
      + " WHERE t.tenant_id = ?1 AND t.created_snapshot <= ?2"
      + " AND (t.dropped_snapshot IS NULL OR t.dropped_snapshot > ?2)"
      + " AND lower(t.table_name) IN (lower(?3), lower(?4))",
    "SELECT w.snapshot_id FROM duckmesh_watermark w JOIN ducklake_snapshot s USING (snapshot_id)"
      + " JOIN ducklake_snapshot_changes c USING (snapshot_id)"
      + " WHERE w.tenant_id = ?1 AND w.snapshot_id <= ?2 ORDER BY w.snapshot_id DESC LIMIT ?3",
    "SELECT h.tenant_id, min(s.published_at), sum(s.byte_count)"
      + " FROM duckmesh_head h JOIN duckmesh_consumer c USING (tenant_id)"
      + " JOIN duckmesh_segment s ON s.tenant_id = h.tenant_id AND s.first_token > c.watermark"
      + " WHERE h.head > c.watermark GROUP BY h.tenant_id",
    "SELECT d.token FROM duckmesh_dead_letter d JOIN duckmesh_table t USING (table_id)"
      + " WHERE d.tenant_id = ?1 AND d.dead_letter_id > ?2 ORDER BY d.dead_letter_id LIMIT ?3",
  ])
  func aHotStatementScansNothingThatGrows(_ sql: String) async throws {
    let clock = TestClock()
    let backend = try await SQLiteBackend(clock: clock)
    _ = try await backend.open()
    let path = backend.databasePath
    let steps = try await offPool {
      let connection = try SQLiteConnection(path: path, mode: .readOnly)
      let rows = try connection.prepare("EXPLAIN QUERY PLAN " + sql)
      var steps: [String] = []
      while try rows.step() { steps.append(rows.text(3)) }
      return steps
    }
    // A table with one row a tenant may be read through, and the newest row taken from an index.
    let allowed = ["SCAN h", "SCAN c", "SCAN n"]
    let scans = steps.filter { step in
      step.hasPrefix("SCAN") && !allowed.contains(step)
        && !(step.hasPrefix("SCAN ducklake_snapshot USING") && sql.hasSuffix("LIMIT 1"))
    }
    #expect(!steps.isEmpty)
    #expect(scans.isEmpty, "\(steps)")
    await backend.remove()
  }

  /// There may be thousands of delete files before the live one.
  @Test func theLiveDeleteFileIsFoundWithoutThoseBefore() async throws {
    let backend = try await SQLiteBackend(clock: TestClock())
    _ = try await backend.open()
    let path = backend.databasePath
    let steps = try await offPool {
      let connection = try SQLiteConnection(path: path, mode: .readOnly)
      let rows = try connection.prepare(
        """
        EXPLAIN QUERY PLAN SELECT f.data_file_id, d.delete_file_id
        FROM ducklake_data_file f LEFT JOIN ducklake_delete_file d
          ON d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL
        WHERE f.table_id = ?1 AND f.end_snapshot IS NULL
        """)
      var steps: [String] = []
      while try rows.step() { steps.append(rows.text(3)) }
      return steps
    }
    #expect(steps.contains { $0.contains("USING INDEX duckmesh_delete_file_live") }, "\(steps)")
    await backend.remove()
  }
}
