import HTTPClient

/// `query`: runs one SQL statement and shows its rows.
enum QueryCommand {
  enum Format: String, CaseIterable {
    case table
    case csv
    case json
    case ndjson
    case arrow
    case parquet

    var mediaType: String {
      switch self {
      case .table, .json: "application/json"
      case .csv: "text/csv"
      case .ndjson: "application/x-ndjson"
      case .arrow: "application/vnd.apache.arrow.stream"
      case .parquet: "application/vnd.apache.parquet"
      }
    }

    /// Whether a terminal cannot show it.
    var isBinary: Bool { self == .arrow || self == .parquet }

    /// What a file's name says of its content; nil when it says nothing.
    init?(fileName: String) {
      guard let dot = fileName.lastIndex(of: ".") else { return nil }
      switch fileName[fileName.index(after: dot)...].lowercased() {
      case "csv": self = .csv
      case "json": self = .json
      case "ndjson", "jsonl": self = .ndjson
      case "arrow", "arrows": self = .arrow
      case "parquet": self = .parquet
      default: return nil
      }
    }
  }

  static let specification = CommandSpecification(
    "query", arguments: "SQL|-", count: 1...1, summary: "Run a query and show its rows.",
    details: """
      - reads the SQL from standard input. The rows come as an aligned table on a terminal and as \
      CSV otherwise. csv, ndjson, arrow (an Arrow stream) and parquet are passed on as they \
      arrive, whatever their size; table and json hold the whole answer first.

      --output writes a file, which appears only when the answer is whole; its ending tells the \
      format unless --format does: .csv, .json, .ndjson, .arrow, .parquet.

      A query reads one snapshot: the newest, or one that is chosen with --min-token, --snapshot \
      or --at, of which at most one may be given.
      """,
    options: [
      OptionSpecification("--format", "FORMAT", "table, csv, json, ndjson, arrow or parquet."),
      OptionSpecification("--output", "FILE", "Write the rows into this file."),
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
      .init(
        command: "duckmeshctl query 'FROM flights' --output flights.parquet",
        meaning: "A whole table for other programs."),
    ]
  ) { invocation throws(ToolFailure) in
    let path = invocation.arguments.text("--output")
    let format = try format(invocation, path)
    let body = try QueryRequest.body(invocation)
    let timeoutMs = try invocation.arguments.integer("--timeout-ms", in: 1...300_000) ?? 30_000
    let connection = try invocation.interruptibleConnection()
    // The server's own limits come first: waiting for the token, for a worker, and the query.
    let request = connection.request(
      "POST", "/v1/query", body: body.compactBytes, accept: format.mediaType,
      timeoutMs: timeoutMs + 90_000)
    let file: OutputFile? = if let path { try OutputFile(path) } else { nil }
    let output = file?.writer ?? invocation.console.output
    switch format {
    case .table: try showTable(try connection.send(request), invocation)
    case .json:
      let response = try connection.send(request)
      guard (200..<300).contains(response.status) else { throw .refused(ServerRefusal(response)) }
      try write(response.body + [0x0A], output)
    case .csv, .ndjson, .arrow, .parquet:
      try RowStream(console: invocation.console, output: output).pass(request, over: connection)
    }
    try file?.complete()
    return .done
  }

  /// - Throws: `usage` for what cannot be shown or written.
  private static func format(
    _ invocation: Invocation, _ path: String?
  ) throws(ToolFailure) -> Format {
    let isTerminal = invocation.console.outputIsTerminal
    let fallback: Format =
      if let path { Format(fileName: path) ?? .csv } else { isTerminal ? .table : .csv }
    let format = try invocation.arguments.choice("--format", default: fallback)
    if format == .table, path != nil {
      throw .usage("--output takes csv, json, ndjson, arrow or parquet", command: "query")
    }
    if format.isBinary, path == nil, isTerminal {
      throw .usage("\(format.rawValue) is not for a terminal: give --output FILE", command: "query")
    }
    return format
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

  private static func write(_ bytes: [UInt8], _ output: OutputWriter) throws(ToolFailure) {
    do {
      try output.write(bytes)
    } catch {
      throw ToolFailure(error)
    }
  }
}
