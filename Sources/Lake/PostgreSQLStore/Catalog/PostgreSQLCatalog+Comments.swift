import Catalog
import Model
import PostgreSQL

extension PostgreSQLCatalog {
  package func comments(
    tenant: TenantID, at snapshot: SnapshotID
  ) async throws(CatalogError) -> LakeComments {
    let rows = try await call(
      Self.commentSelection, [.int64(tenant.rawValue), .int64(snapshot.rawValue)])
    var comments = LakeComments()
    for row in 0..<rows.count {
      comments.add(
        rows.text(row, 2), to: TableID(rows.int64(row, 0)),
        column: rows.isNull(row, 1) ? nil : rows.int64(row, 1))
    }
    return comments
  }

  private static let commentSelection = """
    SELECT g.object_id, NULL::bigint, g.value FROM ducklake_tag g
    JOIN duckmesh_table t ON t.table_id = g.object_id
    WHERE t.tenant_id = $1 AND g.key = 'comment' AND g.value IS NOT NULL
      AND g.begin_snapshot <= $2 AND (g.end_snapshot IS NULL OR g.end_snapshot > $2)
    UNION ALL
    SELECT g.table_id, g.column_id, g.value FROM ducklake_column_tag g
    JOIN duckmesh_table t ON t.table_id = g.table_id
    WHERE t.tenant_id = $1 AND g.key = 'comment' AND g.value IS NOT NULL
      AND g.begin_snapshot <= $2 AND (g.end_snapshot IS NULL OR g.end_snapshot > $2)
    """
}
