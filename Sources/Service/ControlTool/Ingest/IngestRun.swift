/// One run of `ingest`: find out about the table and the input, send, report.
struct IngestRun {
  private let options: IngestOptions
  private let console: Console
  private let stop: StopSignal
  private let connection: ServerConnection

  init(_ options: IngestOptions, _ invocation: Invocation) throws(ToolFailure) {
    self.options = options
    console = invocation.console
    stop = invocation.stop
    connection = try invocation.connection(connections: options.concurrency)
  }

  /// - Throws: what went wrong before the first row was sent.
  func run() throws(ToolFailure) -> ExitCode {
    let source = try ByteSource(path: options.path, standardInput: console.input, stop: stop)
    guard source.isRereadable || !options.keyColumns.isEmpty else {
      throw .usage(
        "\(source.name) is not a regular file and can be read only once: it needs --key",
        command: "ingest")
    }
    var schema = try existingSchema()
    var survey: InputSurvey?
    if schema == nil {
      let (found, created) = try createTable(source)
      survey = found
      schema = created
    } else if options.keyColumns.isEmpty {
      survey = try InputSurvey.digesting(source, stop: stop)
    }
    let keyRule: KeyRule =
      options.keyColumns.isEmpty
      ? .line(contentDigest: survey?.contentDigest ?? "") : .columns(options.keyColumns)
    let progress = ProgressReporter(
      ProgressLine(label: options.table, totalBytes: survey?.contentByteCount), console: console,
      isQuiet: options.isQuiet)
    let pipelineStop = StopSignal()
    stop.onStop { pipelineStop.stop($0) }
    let sender = BatchSender(
      connection: connection, table: options.table, policy: options.policy,
      timeoutMs: options.requestTimeoutMs, stop: pipelineStop)
    let pipeline = IngestPipeline(
      sender: sender, sourceName: source.name, concurrency: options.concurrency,
      stop: pipelineStop, progress: progress)
    let start = ContinuousClock.now
    var outcome: IngestPipeline.Outcome
    switch options.format {
    case .csv:
      outcome = pipeline.run(try csvProducer(source, schema, keyRule), options.batch)
    case .ndjson:
      let reader = try LineReader(source)
      let producer = LineProducer(reader, sourceName: source.name, keyRule: keyRule)
      outcome = pipeline.run(producer, options.batch)
    }
    if let reason = stop.reason, case .interrupted = outcome.failure {
      outcome.failure = .interrupted(by: reason)
    }
    let seconds = start.duration(to: .now) / .seconds(1)
    let visibility = finalWait(sender, &outcome)
    progress.clear()
    return try IngestReport(options: options, sourceName: source.name, console: console)
      .finish(outcome, visibility, seconds: seconds)
  }

  /// Nil when there is nothing to wait for.
  private func finalWait(
    _ sender: BatchSender, _ outcome: inout IngestPipeline.Outcome
  ) -> FinalWait.Outcome? {
    guard outcome.failure == nil, let latest = outcome.latest else { return nil }
    guard let timeoutMs = options.finalWaitMs else {
      return outcome.tally.highestSnapshot.map { .visible(snapshot: $0) }
    }
    let result = FinalWait(sender, timeoutMs: timeoutMs).run(latest, &outcome.tally)
    if case .unconfirmed(.interrupted) = result, let reason = stop.reason {
      return .unconfirmed(.interrupted(by: reason))
    }
    return result
  }

  /// The table's columns; nil when there is no such table and it is to be made.
  private func existingSchema() throws(ToolFailure) -> TableSchema? {
    do throws(ToolFailure) {
      return TableSchema(
        try interruptible().call("GET", "/v1/tables/" + ServerConnection.encoded(options.table)))
    } catch {
      guard case .refused(let refusal) = error else { throw error }
      if refusal.errorCode == "FORBIDDEN" { return try schemaOfWriter(error) }
      guard refusal.errorCode == "TABLE_NOT_FOUND" else { throw error }
      if options.creates { return nil }
      if options.format == .csv, options.path != "-" {
        console.note("hint: --create makes the table from the file's header and values")
      }
      throw error
    }
  }

  /// A credential that may only write sees no table. Lines of JSON need none: the server checks
  /// them; the fields of CSV have no types of their own.
  private func schemaOfWriter(_ refusal: ToolFailure) throws(ToolFailure) -> TableSchema {
    if options.format == .ndjson { return TableSchema(columns: []) }
    console.note(
      "hint: a CSV file is sent in the types of the table's columns, so its credential needs "
        + "query_reader or table_admin beside ingest_writer; NDJSON needs ingest_writer alone")
    throw refusal
  }

  private func createTable(
    _ source: ByteSource
  ) throws(ToolFailure) -> (InputSurvey, TableSchema) {
    let (survey, names) = try InputSurvey.inferring(
      source, header: options.header, nulls: options.nulls, stop: stop)
    let columns = zip(names, survey.typeNames).map { name, type in
      TableSchema.Column(name: name, typeName: type)
    }
    let schema = TableSchema(columns: columns)
    let body = JSONValue.object([
      .init(name: "table_name", value: .string(options.table)),
      .init(name: "schema_json", value: schema.json),
    ])
    _ = try interruptible().call("POST", "/v1/tables", body: body)
    let list = columns.map { "\($0.name) \($0.typeName)" }.joined(separator: ", ")
    console.note(Printable.line("created table \(options.table) (\(list))"))
    return (survey, schema)
  }

  private func csvProducer(
    _ source: ByteSource, _ schema: TableSchema?, _ keyRule: KeyRule
  ) throws(ToolFailure) -> CSVProducer {
    let reader = try CSVReader(source, delimiter: options.header.delimiter)
    let names = try CSVHeader.names(reader, options.header, sourceName: source.name)
    let columns = schema?.columns ?? []
    var encoded: [CSVRowEncoder.Column] = []
    for name in names {
      guard let column = columns.first(where: { $0.name == name }) else {
        let near = NearSpelling.nearest(to: name, among: columns.map(\.name))
        let hint = near.map { "; did you mean \($0)?" } ?? ""
        throw .badRow(
          InputProblem(
            source: source.name, line: 1, column: nil,
            reason: "table \(options.table) has no column \(Printable.line(name))\(hint) "
              + "(--columns gives other names)"))
      }
      encoded.append(.init(name: name, type: ColumnType(typeName: column.typeName)))
    }
    let encoder = CSVRowEncoder(
      columns: encoded, nulls: options.nulls, passesBadRowsOn: options.batch.passesBadRecordsOn)
    return try CSVProducer(reader, sourceName: source.name, encoder: encoder, keyRule: keyRule)
  }

  /// Ctrl-C also ends the requests before the first batch.
  private func interruptible() -> ServerConnection {
    stop.onStop { [client = connection.client] _ in client.close() }
    return connection
  }
}
