import DuckDB
import Runtime
import WorkerProtocol

/// Runs one statement from the first look at its text to the last row of its answer.
struct QueryRun {
  let message: QueryMessage
  let engine: DuckDBInstance
  let exchange: ExchangeEngine
  let gate: StatementGate
  let standing: StandingViews
  let inbox: QueryInbox
  let socket: FrameSocket
  /// Folders whose names no answer may hold.
  let hiddenFolders: [String]

  /// Sends exactly one END or FAILURE, unless the server is gone.
  func answer() {
    do {
      try socket.send(try run())
    } catch let failure as QueryFailure {
      try? socket.send(failure)
    } catch {
      // The socket is closed: the inbox ends the process.
    }
  }

  private var query: WorkerQuery { message.query }

  private func run() throws -> AnswerEnd {
    let clock = SystemMonotonicClock()
    let started = clock.now
    let gated = try gate.check(query.sql)
    let parameters = try ParameterValues(query.parameters, for: gated.parameters)
    let relations = try resolve(gated, parameters)
    let connection = try connect()
    inbox.publish(connection.interruptHandle, for: message.id)
    defer { inbox.withdraw() }
    try setTimeZone(on: connection)
    try QueryRelations(relations, wantsListing: gated.wantsListing)
      .create(on: connection, standing: standing)
    let statement = try prepare(gated, on: connection)
    try parameters.bind(to: statement)
    let answer = try send(gated, statement)
    return AnswerEnd(
      rowCount: answer.rowCount, truncated: answer.truncated,
      durationMicroseconds: UInt64(max(0, (clock.now - started).saturatedNanoseconds / 1_000)))
  }

  /// Asks the server what stands behind the names.
  private func resolve(
    _ gated: GatedStatement, _ parameters: ParameterValues
  ) throws -> ResolvedRelations {
    guard !gated.tables.isEmpty || gated.wantsListing else {
      return ResolvedRelations(relations: [])
    }
    try socket.send(
      NeedMessage(
        tables: gated.tables, wantsListing: gated.wantsListing,
        filters: gated.conditions.compactMap { $0.filter(parameters) }))
    guard case .relations(.resolved(let relations)) = inbox.next(),
      !inbox.isCancelled(message.id)
    else { throw QueryFailure(.cancelled, "the query was stopped") }
    let found = Set(relations.relations.map { SyntaxWalk.folded($0.name) })
    for table in gated.tables where !found.contains(SyntaxWalk.folded(table)) {
      throw SyntaxWalk.noSuchTable(table)
    }
    return relations
  }

  /// A fresh connection: what a statement leaves behind goes with it. What stays between statements
  /// is `StandingViews` alone.
  private func connect() throws(QueryFailure) -> DuckDBConnection {
    do throws(DuckDBError) {
      return try engine.connect()
    } catch {
      throw FailureMapping.failure(of: error, otherwise: .workerBroken)
    }
  }

  private func setTimeZone(on connection: DuckDBConnection) throws(QueryFailure) {
    guard query.timeZone != "UTC" else { return }
    do throws(DuckDBError) {
      try connection.execute("SET SESSION TimeZone = \(sqlLiteral(query.timeZone))")
    } catch  where error.kind == .interrupted {
      throw FailureMapping.failure(of: error)
    } catch {
      throw QueryFailure(.parametersInvalid, "the time zone is not known")
    }
  }

  /// Folds constants and opens files, so it may take as long and as much as running.
  private func prepare(
    _ gated: GatedStatement, on connection: DuckDBConnection
  ) throws(QueryFailure) -> DuckDBStatement {
    let statement: DuckDBStatement
    do throws(DuckDBError) {
      statement = try connection.prepare(gated.text)
    } catch {
      throw FailureMapping.failure(of: error)
    }
    guard statement.kind == (gated.explain == nil ? .select : .explain) else {
      throw QueryFailure(.sqlNotAllowed, "not allowed in a query: this kind of statement")
    }
    return statement
  }

  private func send(
    _ gated: GatedStatement, _ statement: DuckDBStatement
  ) throws -> AnswerStream.Outcome {
    do {
      var result = try statement.execute(streaming: true)
      if gated.explain != nil {
        result = try withoutPaths(result, on: statement.connection)
      }
      return try AnswerStream(query: query, socket: socket, exchange: exchange).send(result)
    } catch let error as DuckDBError {
      throw FailureMapping.failure(of: error)
    }
  }

  /// The plan again, without the names of files.
  private func withoutPaths(
    _ plan: DuckDBResult, on connection: DuckDBConnection
  ) throws -> DuckDBResult {
    let names = plan.columns.map(\.name)
    let rows = try plan.readTable(maximumRows: 1_000).rows
    var columns = [[DuckDBValue]](repeating: [], count: names.count)
    for row in rows {
      for (index, value) in row.enumerated() {
        guard let text = PlanText.hiding(hiddenFolders, in: value.string ?? "") else {
          throw QueryFailure(.queryFailed, "this plan cannot be shown")
        }
        columns[index].append(.string(CatalogListing.shown(text)))
      }
    }
    let selections = names.enumerated().map { index, name in
      "unnest($\(index + 1)::VARCHAR[]) AS \(sqlIdentifier(name))"
    }
    let statement = try connection.prepare("SELECT " + selections.joined(separator: ", "))
    try statement.bind(positional: columns.map { .list($0) })
    return try statement.execute()
  }
}
