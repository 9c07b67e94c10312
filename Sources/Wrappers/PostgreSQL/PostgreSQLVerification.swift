/// What a server must say before a connection to it is used, and what stops the use of all of them.
package struct PostgreSQLVerification: Sendable {
  /// Reads the statement's answer on a new connection.
  ///
  /// - Returns: why the connection must not be used; nil when it may.
  package typealias Judge = @Sendable (PostgreSQLRows) -> String?

  /// One statement without parameters.
  package let statement: String
  /// Called before the statement is sent, so that its judge knows what was known then.
  package let judge: @Sendable () -> Judge
  /// Asked before each call; quick.
  ///
  /// - Returns: why no connection may be used any more; nil when they may.
  package let objection: @Sendable () -> String?

  package init(
    statement: String, judge: @escaping @Sendable () -> Judge,
    objection: @escaping @Sendable () -> String?
  ) {
    self.statement = statement
    self.judge = judge
    self.objection = objection
  }
}
