/// What one connection is made with.
struct ConnectionOptions: Sendable {
  var connection: String
  var applicationName: String
  var connectTimeoutMs: Int
  /// For the session, in this order; a later value for the same name wins.
  var settings: [(name: String, value: String)]
  var maximumPreparedStatements: Int

  /// Settings on which nothing of the server's defaults or language may bear.
  static func settings(
    statementTimeoutMs: Int, lockTimeoutMs: Int, idleInTransactionTimeoutMs: Int
  ) -> [(name: String, value: String)] {
    [
      ("statement_timeout", "\(statementTimeoutMs)"),
      ("lock_timeout", "\(lockTimeoutMs)"),
      ("idle_in_transaction_session_timeout", "\(idleInTransactionTimeoutMs)"),
      ("idle_session_timeout", "0"),
      ("default_transaction_isolation", "read committed"),
      ("default_transaction_read_only", "off"),
      ("default_transaction_deferrable", "off"),
      ("DateStyle", "ISO, YMD"),
      ("TimeZone", "UTC"),
      ("IntervalStyle", "iso_8601"),
      ("bytea_output", "hex"),
      ("standard_conforming_strings", "on"),
      ("client_min_messages", "warning"),
      ("jit", "off"),
    ]
  }
}
