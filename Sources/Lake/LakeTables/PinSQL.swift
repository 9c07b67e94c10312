/// SQL about pins that both stores take as it is.
package enum PinSQL {
  /// Files that maintenance takes out of the lake so shortly before a hold begins are kept for it:
  /// a transaction reads the clock before it commits.
  package static let holdMarginMicroseconds: Int64 = 60_000_000

  /// Whether the pin `alias` has not ended.
  ///
  /// - Parameter now: SQL for the instant.
  package static func isLive(_ alias: String, now: String) -> String {
    "(\(alias).expires_at IS NULL OR \(alias).expires_at > \(now))"
  }

  /// A join of the pins of people as `p` to the tenants' watermarks `w`.
  package static func join(now: String) -> String {
    """
    LEFT JOIN duckmesh_pin p ON p.tenant_id = w.tenant_id AND p.holder = ''
      AND p.first_snapshot = w.snapshot_id AND \(isLive("p", now: now))
    """
  }
}
