/// SQL about void tokens that both stores take as it is.
package enum VoidSQL {
  /// An expression: how many void tokens a tenant has in the ranges `v` that meet the condition.
  package static func count(_ tenant: String, _ condition: String) -> String {
    """
    (SELECT coalesce(sum(v.last_token - v.first_token + 1), 0)
      FROM duckmesh_void v WHERE v.tenant_id = \(tenant) AND \(condition))
    """
  }
}
