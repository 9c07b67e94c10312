import Runtime

/// How a pool connects, and its limits.
package struct PostgreSQLPoolOptions: Sendable {
  /// A libpq connection string or URI. What it leaves out comes from libpq's own environment
  /// variables and defaults; `sslmode` is `prefer` then, which protects against nobody who can
  /// stand in between: `verify-full` with `sslrootcert` does.
  package var connection: String
  /// What the server's administrator sees beside each connection.
  package var applicationName: String
  /// Connections, each with a thread of its own.
  package var size: Int
  /// Calls that may wait for a connection, and for how long.
  package var maximumWaiters: Int
  package var acquireTimeoutMs: Int
  /// From the first packet to a connection that is ready, over all addresses of the host.
  package var connectTimeoutMs: Int
  /// Enforced by the server, for each statement.
  package var statementTimeoutMs: Int
  package var lockTimeoutMs: Int
  package var idleInTransactionTimeoutMs: Int
  /// What an answer may take beyond the statement's timeout before the connection is cut.
  package var answerSlackMs: Int
  /// Statements that a connection keeps prepared.
  package var maximumPreparedStatements: Int
  /// Settings of each connection beyond those that the pool makes itself; they win over them.
  package var settings: [(name: String, value: String)]
  /// Between attempts to reach a server that is away.
  package var backoff: Backoff

  package init(
    connection: String, applicationName: String = "duckmesh", size: Int = 4,
    maximumWaiters: Int = 1_024, acquireTimeoutMs: Int = 5_000, connectTimeoutMs: Int = 5_000,
    statementTimeoutMs: Int = 10_000, lockTimeoutMs: Int = 5_000,
    idleInTransactionTimeoutMs: Int = 10_000, answerSlackMs: Int = 2_000,
    maximumPreparedStatements: Int = 256, settings: [(name: String, value: String)] = [],
    backoff: Backoff = Backoff(initialMs: 50, maximumMs: 2_000)
  ) {
    precondition(size > 0 && maximumWaiters >= 0 && maximumPreparedStatements > 0)
    precondition(acquireTimeoutMs > 0 && connectTimeoutMs > 0 && statementTimeoutMs > 0)
    precondition(lockTimeoutMs > 0 && idleInTransactionTimeoutMs > 0 && answerSlackMs > 0)
    self.connection = connection
    self.applicationName = applicationName
    self.size = size
    self.maximumWaiters = maximumWaiters
    self.acquireTimeoutMs = acquireTimeoutMs
    self.connectTimeoutMs = connectTimeoutMs
    self.statementTimeoutMs = statementTimeoutMs
    self.lockTimeoutMs = lockTimeoutMs
    self.idleInTransactionTimeoutMs = idleInTransactionTimeoutMs
    self.answerSlackMs = answerSlackMs
    self.maximumPreparedStatements = maximumPreparedStatements
    self.settings = settings
    self.backoff = backoff
  }
}

extension PostgreSQLPoolOptions: CustomStringConvertible, CustomReflectable {
  /// Says nothing of the connection string, which may hold a password.
  package var description: String { "PostgreSQL options of \(applicationName)" }
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}
