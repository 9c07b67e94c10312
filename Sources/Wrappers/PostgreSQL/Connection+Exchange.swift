import CPostgreSQL
import Glibc
import Runtime

extension Connection {
  typealias Statement = (sql: String, values: [PostgreSQLValue])

  /// Runs statements in one round trip and returns when the server is ready for the next one.
  ///
  /// - Parameter keepsPrepared: whether the statements are prepared for their next use.
  /// - Throws: `ExchangeError`; the connection is broken off but for `refused`.
  func exchange(
    _ statements: [Statement], keepsPrepared: Bool = true, until deadline: MonotonicInstant
  ) throws(ExchangeError) -> [PostgreSQLRows] {
    guard ParameterBuffer.fits(statements) else {
      throw .refused(
        sqlState: SQLState.programLimitExceeded, message: "the values exceed a message's size")
    }
    guard !hasEnded() else {
      breakOff()
      throw .untouched(reason: "the server has ended the connection")
    }
    let pending = try send(statements, keepsPrepared: keepsPrepared)
    return try receive(pending, until: deadline)
  }

  /// Sends statements and a Sync and does not wait for the answer; the next use of the connection
  /// takes it first.
  func sendWithoutWaiting(_ statements: [Statement]) throws(ExchangeError) {
    owedAnswers.append(try send(statements, keepsPrepared: true))
  }

  /// Takes the answers that are owed.
  func settle(until deadline: MonotonicInstant) throws(ExchangeError) {
    while !owedAnswers.isEmpty {
      _ = try receive(owedAnswers.removeFirst(), until: deadline)
    }
  }

  // MARK: Sending

  private func send(
    _ statements: [Statement], keepsPrepared: Bool
  ) throws(ExchangeError) -> PendingAnswer {
    var pending = PendingAnswer()
    for statement in statements {
      parameters.encode(statement.values)
      let isQueued =
        keepsPrepared
        ? sendPrepared(statement.sql, &pending) : sendOnce(statement.sql, &pending)
      guard isQueued else {
        breakOff()
        throw .withoutSync(reason: "the connection broke while a statement was sent")
      }
    }
    guard PQpipelineSync(handle) == 1 else {
      breakOff()
      throw .lost(reason: "the connection broke while a statement was sent")
    }
    return pending
  }

  private func sendPrepared(_ sql: String, _ pending: inout PendingAnswer) -> Bool {
    let use = prepared.use(sql, types: parameters.types)
    if use.isNew {
      let code = PQsendPrepare(
        handle, use.name, sql, Int32(parameters.types.count), parameters.types)
      guard code == 1 else { return false }
      pending.parts.append(.prepare(sql: sql, name: use.name))
    }
    pending.parts.append(.statement(sql: sql))
    return parameters.withPointers { values, lengths, formats in
      PQsendQueryPrepared(
        handle, use.name, Int32(parameters.types.count), values, lengths, formats, 1) == 1
    }
  }

  private func sendOnce(_ sql: String, _ pending: inout PendingAnswer) -> Bool {
    pending.parts.append(.statement(sql: sql))
    return parameters.withPointers { values, lengths, formats in
      PQsendQueryParams(
        handle, sql, Int32(parameters.types.count), parameters.types, values, lengths, formats, 1)
        == 1
    }
  }

  // MARK: Receiving

  private func receive(
    _ pending: PendingAnswer, until deadline: MonotonicInstant
  ) throws(ExchangeError) -> [PostgreSQLRows] {
    var rows: [PostgreSQLRows] = []
    var refusal: ServerError?
    var hasForeignFailure = false
    defer { dropUnconfirmed(pending) }
    for part in pending.parts {
      while let result = try nextResult(until: deadline) {
        switch PQresultStatus(result.pointer) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK:
          switch part {
          case .prepare(let sql, let name): prepared.confirm(sql, name: name)
          case .statement: rows.append(PostgreSQLRows(result))
          }
        case PGRES_PIPELINE_ABORTED:
          break
        case PGRES_FATAL_ERROR:
          guard let error = ServerError(result.pointer) else {
            hasForeignFailure = true
            break
          }
          if refusal == nil {
            refusal = error
            noteOutdatedPlan(error, part)
          }
        default:
          hasForeignFailure = true
        }
        try throwIfLost(hasForeignFailure: hasForeignFailure)
      }
    }
    if let late = try awaitReady(until: deadline), refusal == nil { refusal = late }
    // Brings libpq back to its idle state, in which it reads what the server says unasked.
    _ = PQgetResult(handle)
    if let refusal { throw .refused(sqlState: refusal.sqlState, message: refusal.message) }
    return rows
  }

  /// Waits for ReadyForQuery, the answer to Sync: only then is anything certain.
  ///
  /// - Returns: the refusal of a commit, which comes after the statement's own success.
  private func awaitReady(until deadline: MonotonicInstant) throws(ExchangeError) -> ServerError? {
    var refusal: ServerError?
    while true {
      let result = try nextResult(until: deadline)
      switch result.map({ PQresultStatus($0.pointer) }) {
      case PGRES_PIPELINE_SYNC: return refusal
      case PGRES_FATAL_ERROR:
        let error = result.flatMap { ServerError($0.pointer) }
        try throwIfLost(hasForeignFailure: error == nil)
        if refusal == nil { refusal = error }
      case nil:
        // Between a late refusal and what follows; elsewhere it would come for ever.
        try throwIfLost(hasForeignFailure: refusal == nil)
      default: try throwIfLost(hasForeignFailure: true)
      }
    }
  }

  private func throwIfLost(hasForeignFailure: Bool) throws(ExchangeError) {
    guard hasForeignFailure || PQstatus(handle) != CONNECTION_OK else { return }
    breakOff()
    throw .lost(reason: "the connection broke before the answer was complete")
  }

  private func dropUnconfirmed(_ pending: PendingAnswer) {
    for case .prepare(let sql, let name) in pending.parts {
      prepared.dropUnconfirmed(sql, name: name)
    }
  }

  /// A plan whose columns have changed since, or that the server does not know, is prepared anew.
  private func noteOutdatedPlan(_ error: ServerError, _ part: PendingAnswer.Part) {
    guard case .statement(let sql) = part, SQLState.ofOutdatedPlans.contains(error.sqlState) else {
      return
    }
    prepared.discard(sql)
  }

  /// The next result of libpq, nil between two statements.
  func nextResult(until deadline: MonotonicInstant) throws(ExchangeError) -> ResultHandle? {
    while PQisBusy(handle) == 1 {
      let unsent = PQflush(handle)
      guard unsent >= 0 else {
        breakOff()
        throw .lost(reason: "the connection broke while a statement was sent")
      }
      // With bytes held back their last one, Sync, has certainly not left: libpq sends in order.
      // GSS encryption keeps a buffer of its own, of which that cannot be said.
      let holdsSync = unsent == 1 && PQgssEncInUse(handle) == 0
      let wanted = Int16(POLLIN) | (unsent == 1 ? Int16(POLLOUT) : 0)
      let socket = PQsocket(handle)
      let events = Connection.wait(socket, wanted, until: deadline)
      if events == 0 {
        breakOff()
        let reason = "no answer came in time"
        throw holdsSync ? .withoutSync(reason: reason) : .lost(reason: reason)
      }
      if holdsSync, Connection.isClosed(socket, events) {
        breakOff()
        throw .withoutSync(reason: "the connection broke while a statement was sent")
      }
      if events & Int16(POLLIN | POLLHUP | POLLERR) != 0, PQconsumeInput(handle) == 0 {
        breakOff()
        throw .lost(reason: "the connection broke before the answer was complete")
      }
    }
    return PQgetResult(handle).map { ResultHandle($0) }
  }

  /// Whether the other side has closed, found without a call of libpq's, which could send.
  private static func isClosed(_ socket: Int32, _ events: Int16) -> Bool {
    if events & Int16(POLLERR | POLLHUP) != 0 { return true }
    guard events & Int16(POLLIN) != 0 else { return false }
    var byte: UInt8 = 0
    let count = recv(socket, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
    return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)
  }
}
