import Catalog
import Model
import PostgreSQL

extension PostgreSQLCatalog {
  package func deadLetterCount(tenant: TenantID) async throws(CatalogError) -> Int64 {
    let rows = try await call(
      "SELECT dead_lettered - discarded FROM duckmesh_consumer WHERE tenant_id = $1",
      [.int64(tenant.rawValue)])
    return rows.count > 0 ? rows.int64(0, 0) : 0
  }

  package func deadLetters(
    tenant: TenantID, tokens: [VisibilityToken]?, after id: Int64?, limit: Int
  ) async throws(CatalogError) -> [DeadLetterRecord] {
    var values: [PostgreSQLValue] = [
      .int64(tenant.rawValue), .int64(id ?? 0), .int64(Int64(limit)),
    ]
    if let tokens { values.append(.int64s(tokens.map(\.rawValue))) }
    return try await deadLetters(
      tenant: tenant, values, filter: tokens == nil ? "" : "AND d.token = ANY ($4)",
      order: "d.dead_letter_id")
  }

  package func deadLetters(
    tenant: TenantID, from first: VisibilityToken, through last: VisibilityToken, limit: Int
  ) async throws(CatalogError) -> [DeadLetterRecord] {
    try await deadLetters(
      tenant: tenant,
      [
        .int64(tenant.rawValue), .int64(0), .int64(Int64(limit)), .int64(first.rawValue),
        .int64(last.rawValue),
      ], filter: "AND d.token BETWEEN $4 AND $5", order: "d.token")
  }

  private func deadLetters(
    tenant: TenantID, _ values: [PostgreSQLValue], filter: String, order: String
  ) async throws(CatalogError) -> [DeadLetterRecord] {
    let rows = try await call(
      """
      SELECT d.dead_letter_id, d.table_id, t.table_name, d.token, d.reason, d.message,
        d.idempotency_key, d.payload, d.created_at
      FROM duckmesh_dead_letter d JOIN duckmesh_table t USING (table_id)
      WHERE d.tenant_id = $1 AND d.dead_letter_id > $2
        \(filter)
      ORDER BY \(order) LIMIT $3
      """,
      values)
    return (0..<rows.count).map { row in
      DeadLetterRecord(
        id: rows.int64(row, 0), tenant: tenant, table: TableID(rows.int64(row, 1)),
        tableName: rows.text(row, 2), token: VisibilityToken(rows.int64(row, 3)),
        reason: rows.text(row, 4), message: rows.text(row, 5), idempotencyKey: rows.bytes(row, 6),
        payload: rows.bytes(row, 7), createdAt: Timestamp(microseconds: rows.int64(row, 8)))
    }
  }
}
