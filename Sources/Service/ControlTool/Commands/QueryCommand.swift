import HTTPClient

/// `query`: runs one SQL statement and shows its rows.
enum QueryCommand {
  enum Format: String, CaseIterable {
    case table
    case csv
    case json
    case ndjson

    var mediaType: String {
      switch self {
      case .table, .json: "application/json"
      case .csv: "text/csv"
      case .ndjson: "application/x-ndjson"
      }
    }
  }

  static let specification = CommandSpecification(
    "query", arguments: "SQL|-", count: 1...1, summary: "Run a query and show its rows.",
    details: """
      - reads the SQL from standard input. The rows come as an aligned table on a terminal and as \
      CSV otherwise. csv and ndjson are passed on as they arrive, whatever their size; table and \
      json hold the whole answer first.

      A query reads one snapshot: the newest, or one that is chosen with --min-token, --snapshot \
      or --at, of which at most one may be given.
      """,
    options: [
      OptionSpecification("--format", "FORMAT", "table, csv, json or ndjson."),
      OptionSpecification(
        "--min-token", "TOKEN", "Wait until this write can be seen: read your own writes."),
      OptionSpecification("--snapshot", "ID", "Read this snapshot."),
      OptionSpecification("--at", "TIME", "Read the newest snapshot at or before this time."),
      OptionSpecification(
        "--param", "NAME=VALUE", repeats: true,
        "Bind $NAME. Numbers, true, false and null are what they look like; "
          + "a value in double quotes is always text."),
      OptionSpecification("--row-limit", "ROWS", "At most so many rows."),
      OptionSpecification("--timeout-ms", "MS", "For the query, at most 300000."),
      OptionSpecification("--time-zone", "NAME", "For times with a zone. Default: UTC."),
      OptionSpecification("--quiet", "No line about the snapshot below the table."),
    ],
    examples: [
      .init(
        command: "duckmeshctl query 'SELECT * FROM flights WHERE carrier = $c' --param c=UA",
        meaning: "With a bound parameter."),
      .init(
        command: "duckmeshctl query 'SELECT count(*) FROM flights' --min-token 336776",
        meaning: "After a write whose token is known."),
      .init(
        command: "duckmeshctl query - --format csv < report.sql > report.csv",
        meaning: "From file to file."),
    ]
  ) { invocation throws(ToolFailure) in
    let fallback: Format = invocation.console.outputIsTerminal ? .table : .csv
    let format = try invocation.arguments.choice("--format", default: fallback)
    let body = try QueryRequest.body(invocation)
    let timeoutMs = try invocation.arguments.integer("--timeout-ms", in: 1...300_000) ?? 30_000
    let connection = try invocation.interruptibleConnection()
    // The server's own limits come first: waiting for the token, for a worker, and the query.
    let request = connection.request(
      "POST", "/v1/query", body: body.compactBytes, accept: format.mediaType,
      timeoutMs: timeoutMs + 90_000)
    switch format {
    case .table: try showTable(try connection.send(request), invocation)
    case .json:
      let response = try connection.send(request)
      guard (200..<300).contains(response.status) else { throw .refused(ServerRefusal(response)) }
      try write(response.body + [0x0A], invocation.console)
    case .csv, .ndjson:
      try RowStream(console: invocation.console).pass(request, over: connection)
    }
    return .done
  }

  private static func showTable(
    _ response: ClientResponse, _ invocation: Invocation
  ) throws(ToolFailure) {
    guard (200..<300).contains(response.status) else { throw .refused(ServerRefusal(response)) }
    guard let answer = QueryAnswer(try ServerConnection.json(response)) else {
      throw .unexpectedAnswer("a result without columns and rows")
    }
    let limit = invocation.console.outputIsTerminal ? 80 : nil
    try invocation.console.say(answer.table(maximumCellWidth: limit))
    if !invocation.arguments.has("--quiet") { try invocation.console.say(answer.footer + "\n") }
  }

  private static func write(_ bytes: [UInt8], _ console: Console) throws(ToolFailure) {
    do {
      try console.output.write(bytes)
    } catch {
      throw ToolFailure(error)
    }
  }
}
