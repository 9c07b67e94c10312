import Runtime

/// A bounded number of connections to one server, each with a thread of its own.
package final class PostgreSQLPool: Sendable {
  private let options: Lock<PostgreSQLPoolOptions>

  /// Starts the threads; the first call connects.
  ///
  /// - Throws: `refused` for a connection string that libpq does not read, `unavailable` when the
  ///   system has no threads to give.
  package init(
    options: PostgreSQLPoolOptions, clock: any MonotonicClock = SystemMonotonicClock()
  ) throws(PostgreSQLError) {
    self.options = Lock(options)
  }

  /// Connects, checks the server and gives the connection back to the pool.
  package func verify() async throws(PostgreSQLError) {
    throw .closed
  }

  /// Runs the body between BEGIN (READ COMMITTED, read-write) and COMMIT; rolls back when it
  /// throws. The body runs on the connection's thread.
  ///
  /// - Throws: what the body throws; `failure` of `unavailable`, `refused`, `outcomeUnknown` (from
  ///   COMMIT alone) or `closed`.
  package func transaction<Value: Sendable, Failure: Error>(
    failure: @escaping @Sendable (PostgreSQLError) -> Failure,
    _ body: @escaping @Sendable (PostgreSQLSession) throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    throw failure(.closed)
  }

  /// As `transaction(failure:_:)` for bodies that throw nothing but PostgreSQL's errors.
  package func transaction<Value: Sendable>(
    _ body: @escaping @Sendable (PostgreSQLSession) throws(PostgreSQLError) -> Value
  ) async throws(PostgreSQLError) -> Value {
    try await transaction(failure: { $0 }, body)
  }

  /// Runs the body in REPEATABLE READ, READ ONLY: one committed state over several statements.
  ///
  /// - Throws: as `transaction`, but for `outcomeUnknown`.
  package func snapshot<Value: Sendable, Failure: Error>(
    failure: @escaping @Sendable (PostgreSQLError) -> Failure,
    _ body: @escaping @Sendable (PostgreSQLSession) throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    throw failure(.closed)
  }

  /// As `snapshot(failure:_:)` for bodies that throw nothing but PostgreSQL's errors.
  package func snapshot<Value: Sendable>(
    _ body: @escaping @Sendable (PostgreSQLSession) throws(PostgreSQLError) -> Value
  ) async throws(PostgreSQLError) -> Value {
    try await snapshot(failure: { $0 }, body)
  }

  /// Runs one statement that is its own transaction, in one round trip.
  package func call(
    _ sql: String, _ values: [PostgreSQLValue] = []
  ) async throws(PostgreSQLError) -> PostgreSQLRows {
    throw .closed
  }

  /// Refuses new calls, waits for those that run, and closes the connections.
  package func close() async {
  }
}
