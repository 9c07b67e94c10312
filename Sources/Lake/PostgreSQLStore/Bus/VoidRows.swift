import Consistency
import Model
import PostgreSQL

/// Reads a tenant's void tokens as two arrays of a row.
enum VoidRows {
  /// - Parameter tenant: SQL for the tenant's number.
  static func columns(_ tenant: String) -> String {
    ["first_token", "last_token"].map { column in
      """
      coalesce((SELECT array_agg(void.\(column) ORDER BY void.first_token)
        FROM duckmesh_void AS void WHERE void.tenant_id = \(tenant)), '{}')
      """
    }.joined(separator: ", ")
  }

  static func ranges(_ rows: PostgreSQLRows, _ row: Int, from first: Int) -> VoidRanges {
    VoidRanges(
      zip(rows.int64s(row, first), rows.int64s(row, first + 1)).map {
        VoidRanges.Range(first: VisibilityToken($0), last: VisibilityToken($1))
      })
  }
}
