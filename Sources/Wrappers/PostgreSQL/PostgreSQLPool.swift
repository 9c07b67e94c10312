import Runtime

/// A bounded number of connections to one server, each with a thread of its own.
///
/// A connection is made when a call first needs it and again when it has broken. While the server
/// is away one call at a time tries to reach it, after a growing pause, and all others fail at
/// once. Cancelling a task takes back a call that waits for a connection, not one that runs.
package final class PostgreSQLPool: Sendable {
  private struct State {
    var freeSlots: [ConnectionSlot]
    var isClosed = false
  }

  private let slots: [ConnectionSlot]
  private let permits: AsyncSemaphore
  private let acquireTimeoutMs: Int
  private let state: Lock<State>
  private let clock = SystemMonotonicClock()

  /// Starts the threads; the first call connects.
  ///
  /// - Throws: `refused` for a connection string that libpq does not read, `unavailable` when the
  ///   system has no threads to give.
  package init(options: PostgreSQLPoolOptions) throws(PostgreSQLError) {
    guard Connection.isReadable(options.connection) else {
      throw .refused(
        sqlState: SQLState.cannotConnect, message: "the connection string cannot be read")
    }
    let reachability = SharedReachability()
    var slots: [ConnectionSlot] = []
    do throws(ThreadStartError) {
      for index in 0..<options.size {
        slots.append(
          try ConnectionSlot(
            name: "postgresql-\(index)", options: ConnectionOptions(options),
            backoff: options.backoff,
            answerTimeoutMs: options.statementTimeoutMs + options.answerSlackMs,
            reachability: reachability))
      }
    } catch {
      throw .unavailable(reason: "the system has no threads to give")
    }
    self.slots = slots
    permits = AsyncSemaphore(permits: options.size, maximumWaiters: options.maximumWaiters)
    acquireTimeoutMs = options.acquireTimeoutMs
    state = Lock(State(freeSlots: slots))
  }

  /// Calls that wait for a connection now.
  package var waitingCalls: Int { permits.waiterCount }

  /// Calls that have a connection, or a place to make one, now.
  package var runningCalls: Int { permits.heldPermits }

  /// Connects and checks the server, so that a start can end with a clear word.
  ///
  /// - Throws: `unavailable`: it may be there later; `refused`: waiting will not help.
  package func verify() async throws(PostgreSQLError) {
    try await perform(failure: Self.unchanged) { (slot) throws(PostgreSQLError) in try slot.verify()
    }
  }

  /// Runs the body between BEGIN (READ COMMITTED, read-write) and COMMIT; rolls back when it
  /// throws. The body runs on the connection's thread, at most once.
  ///
  /// - Throws: what the body throws; `failure` of `unavailable`, `refused`, `outcomeUnknown` (from
  ///   COMMIT alone) or `closed`.
  package func transaction<Value: Sendable, Failure: Error>(
    failure: @escaping @Sendable (PostgreSQLError) -> Failure,
    _ body: @escaping @Sendable (PostgreSQLSession) throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    try await perform(failure: failure) { (slot) throws(Failure) in
      try slot.transaction(.readWrite, failure: failure, body)
    }
  }

  /// As `transaction(failure:_:)` for bodies that throw nothing but PostgreSQL's errors.
  package func transaction<Value: Sendable>(
    _ body: @escaping @Sendable (PostgreSQLSession) throws(PostgreSQLError) -> Value
  ) async throws(PostgreSQLError) -> Value {
    try await transaction(failure: Self.unchanged, body)
  }

  /// Runs the body in REPEATABLE READ, READ ONLY: one committed state over several statements.
  ///
  /// - Throws: as `transaction`, but for `outcomeUnknown`.
  package func snapshot<Value: Sendable, Failure: Error>(
    failure: @escaping @Sendable (PostgreSQLError) -> Failure,
    _ body: @escaping @Sendable (PostgreSQLSession) throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    try await perform(failure: failure) { (slot) throws(Failure) in
      try slot.transaction(.snapshot, failure: failure, body)
    }
  }

  /// As `snapshot(failure:_:)` for bodies that throw nothing but PostgreSQL's errors.
  package func snapshot<Value: Sendable>(
    _ body: @escaping @Sendable (PostgreSQLSession) throws(PostgreSQLError) -> Value
  ) async throws(PostgreSQLError) -> Value {
    try await snapshot(failure: Self.unchanged, body)
  }

  /// Runs one statement that is its own transaction, in one round trip.
  ///
  /// - Throws: any case of `PostgreSQLError`.
  package func call(
    _ sql: String, _ values: [PostgreSQLValue] = []
  ) async throws(PostgreSQLError) -> PostgreSQLRows {
    try await perform(failure: Self.unchanged) { (slot) throws(PostgreSQLError) in
      try slot.call(sql, values)
    }
  }

  /// Refuses new calls, waits for those that run, and closes the connections.
  package func close() async {
    state.withLock { $0.isClosed = true }
    for slot in slots {
      // Behind the call that runs, if any. A slot that is closed already has nothing to give up.
      _ = try? await slot.executor.run { slot.disconnect() }
      await slot.executor.stop()
    }
  }

  @Sendable private static func unchanged(_ error: PostgreSQLError) -> PostgreSQLError { error }

  // MARK: Slots

  private func perform<Value: Sendable, Failure: Error>(
    failure: @escaping @Sendable (PostgreSQLError) -> Failure,
    _ work: @escaping @Sendable (ConnectionSlot) throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    let slot: ConnectionSlot
    do {
      slot = try await acquire()
    } catch {
      throw failure(error)
    }
    defer { release(slot) }
    let result: Result<Value, Failure>
    do {
      result = try await slot.executor.result { () throws(Failure) in try work(slot) }
    } catch {
      throw failure(error.meaning)
    }
    return try result.get()
  }

  private func acquire() async throws(PostgreSQLError) -> ConnectionSlot {
    guard !state.withLock({ $0.isClosed }) else { throw .closed }
    do {
      try await permits.acquire(until: clock.now.advanced(byMs: acquireTimeoutMs), on: clock)
    } catch {
      throw error.meaning
    }
    let taken: ConnectionSlot? = state.withLock { state in
      state.isClosed ? nil : state.freeSlots.popLast()
    }
    guard let taken else {
      permits.release()
      throw .closed
    }
    return taken
  }

  /// The newest one goes first, so that few connections do the work of a quiet server.
  private func release(_ slot: ConnectionSlot) {
    state.withLock { $0.freeSlots.append(slot) }
    permits.release()
  }
}

extension AsyncSemaphoreError {
  fileprivate var meaning: PostgreSQLError {
    switch self {
    case .tooManyWaiters: .unavailable(reason: "too many calls wait for a connection")
    case .deadlineExceeded: .unavailable(reason: "no connection was free in time")
    case .cancelled: .unavailable(reason: "the call was cancelled")
    }
  }
}

extension BlockingExecutorError {
  fileprivate var meaning: PostgreSQLError {
    switch self {
    case .overloaded: .unavailable(reason: "too many calls wait for a connection")
    case .stopped: .closed
    case .cancelled: .unavailable(reason: "the call was cancelled")
    }
  }
}

extension ConnectionOptions {
  fileprivate init(_ options: PostgreSQLPoolOptions) {
    self.init(
      connection: options.connection, applicationName: options.applicationName,
      connectTimeoutMs: options.connectTimeoutMs,
      settings: ConnectionOptions.settings(
        statementTimeoutMs: options.statementTimeoutMs, lockTimeoutMs: options.lockTimeoutMs,
        idleInTransactionTimeoutMs: options.idleInTransactionTimeoutMs) + options.settings,
      maximumPreparedStatements: options.maximumPreparedStatements)
  }
}
