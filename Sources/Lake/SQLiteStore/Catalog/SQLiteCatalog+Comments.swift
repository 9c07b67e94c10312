import Catalog
import Model
import SQLite

extension SQLiteCatalog {
  package func comments(
    tenant: TenantID, at snapshot: SnapshotID
  ) async throws(CatalogError) -> LakeComments {
    try await read { (connection) throws(SQLiteError) -> LakeComments in
      let row = try connection.statement(
        """
        SELECT g.object_id, NULL, g.value FROM ducklake_tag g
        JOIN duckmesh_table t ON t.table_id = g.object_id
        WHERE t.tenant_id = ?1 AND g.key = 'comment' AND g.value IS NOT NULL
          AND g.begin_snapshot <= ?2 AND (g.end_snapshot IS NULL OR g.end_snapshot > ?2)
        UNION ALL
        SELECT g.table_id, g.column_id, g.value FROM ducklake_column_tag g
        JOIN duckmesh_table t ON t.table_id = g.table_id
        WHERE t.tenant_id = ?1 AND g.key = 'comment' AND g.value IS NOT NULL
          AND g.begin_snapshot <= ?2 AND (g.end_snapshot IS NULL OR g.end_snapshot > ?2)
        """
      ).bind(tenant.rawValue, at: 1).bind(snapshot.rawValue, at: 2)
      defer { row.reset() }
      var comments = LakeComments()
      while try row.step() {
        comments.add(row.text(2), to: TableID(row.int64(0)), column: row.optionalInt64(1))
      }
      return comments
    }
  }
}
