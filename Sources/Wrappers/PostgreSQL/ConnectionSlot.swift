import Runtime

/// A place for one connection, with the thread on which alone it is used.
final class ConnectionSlot: @unchecked Sendable {  // the connection is touched on `executor` only
  let executor: BlockingExecutor
  private let options: ConnectionOptions
  private let backoff: Backoff
  private let answerTimeoutMs: Int
  private let reachability: SharedReachability
  private var connection: Connection?

  init(
    name: String, options: ConnectionOptions, backoff: Backoff, answerTimeoutMs: Int,
    reachability: SharedReachability
  ) throws(ThreadStartError) {
    self.options = options
    self.backoff = backoff
    self.answerTimeoutMs = answerTimeoutMs
    self.reachability = reachability
    // One job runs; one more may wait to close the connection after it.
    executor = try BlockingExecutor(
      name: name, threadCount: 1, queueLimit: 4, stackSizeBytes: 1 << 20)
  }

  /// Gives up the connection.
  func disconnect() {
    connection = nil
  }

  /// Makes sure that there is a connection that works as far as can be told.
  func verify() throws(PostgreSQLError) {
    _ = try usableConnection()
  }

  func call(
    _ sql: String, _ values: [PostgreSQLValue]
  ) throws(PostgreSQLError) -> PostgreSQLRows {
    do {
      return try callOnce(sql, values)
    } catch .refused(let sqlState, _) where SQLState.ofOutdatedPlans.contains(sqlState) {
      // It was rolled back, and the plan discarded: a new one is made now.
      return try callOnce(sql, values)
    }
  }

  private func callOnce(
    _ sql: String, _ values: [PostgreSQLValue]
  ) throws(PostgreSQLError) -> PostgreSQLRows {
    let connection = try usableConnection()
    defer { dropUnlessIdle() }
    connection.notices.forgetCommit()
    let rows: [PostgreSQLRows]
    do {
      rows = try connection.exchange([(sql, values)], until: answerDeadline)
    } catch {
      throw error.ofAutocommit
    }
    try connection.checkReplication()
    return rows[0]
  }

  /// Runs the body in a transaction of the kind, on this thread.
  func transaction<Value, Failure: Error>(
    _ kind: TransactionKind, failure: (PostgreSQLError) -> Failure,
    _ body: (PostgreSQLSession) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let session: PostgreSQLSession
    do {
      session = PostgreSQLSession(
        connection: try usableConnection(), kind: kind, answerTimeoutMs: answerTimeoutMs)
    } catch {
      throw failure(error)
    }
    defer { dropUnlessIdle() }
    let value: Value
    do {
      value = try body(session)
    } catch {
      session.rollBack()
      throw error
    }
    do {
      try session.commit()
    } catch {
      throw failure(error)
    }
    return value
  }

  private var answerDeadline: MonotonicInstant {
    SystemMonotonicClock().now.advanced(byMs: answerTimeoutMs)
  }

  // MARK: Connecting

  private func usableConnection() throws(PostgreSQLError) -> Connection {
    if let kept = connection, isStillGood(kept) { return kept }
    connection = nil
    switch reachability.mayConnect() {
    case .refuse(let error): throw error
    case .connect: break
    }
    do {
      let made = try Connection.connect(options)
      reachability.connected()
      connection = made
      return made
    } catch {
      reachability.failed(error, backoff: backoff)
      throw error
    }
  }

  /// Takes owed answers, finds out whether the server has gone, and deallocates what is discarded.
  private func isStillGood(_ connection: Connection) -> Bool {
    guard !connection.hasEnded() else { return false }
    do {
      try connection.settle(until: answerDeadline)
      let discarded = connection.prepared.takeDiscarded()
      if !discarded.isEmpty {
        _ = try connection.exchange(
          discarded.map { ("DEALLOCATE \($0)", []) }, keepsPrepared: false, until: answerDeadline)
      }
    } catch {
      return false
    }
    return connection.isIdle
  }

  /// Keeps the connection only if it can carry the next call; an owed answer is settled then.
  private func dropUnlessIdle() {
    guard let connection else { return }
    let isUsable = !connection.owedAnswers.isEmpty || connection.isIdle
    if connection.isBroken || !isUsable { self.connection = nil }
  }
}
