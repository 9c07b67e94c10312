/// `tables changes`: the rows that came and went between snapshots.
enum ChangesCommand {
  static let specification = CommandSpecification(
    "tables changes", arguments: "TABLE", count: 1...1,
    summary: "Show what changed between snapshots.",
    details: "Both snapshots are among those whose changes are shown, in their order.",
    options: [
      OptionSpecification("--from", "ID", "The first snapshot."),
      OptionSpecification("--to", "ID", "The last snapshot. Default: the newest."),
      OptionSpecification("--format", "FORMAT", "csv (default) or ndjson."),
      OptionSpecification("--row-limit", "ROWS", "At most so many changes."),
      OptionSpecification("--timeout-ms", "MS", "At most 300000."),
    ],
    examples: [
      .init(
        command: "duckmeshctl tables changes stock --from 31 --format ndjson",
        meaning: "All since snapshot 31.")
    ]
  ) { invocation throws(ToolFailure) in
    let arguments = invocation.arguments
    let format = try arguments.choice("--format", default: Format.csv)
    guard let from = try arguments.integer("--from", in: 0...Int.max) else {
      throw .usage("changes need --from", command: arguments.command)
    }
    let connection = try invocation.interruptibleConnection()
    var last = try arguments.integer("--to", in: 0...Int.max)
    if last == nil { last = try newest(connection) }
    let to = last ?? from
    let timeoutMs = try arguments.integer("--timeout-ms", in: 1...300_000) ?? 30_000
    var path =
      "/v1/tables/\(ServerConnection.encoded(arguments.positionals[0]))/changes"
      + "?from_snapshot=\(from)&to_snapshot=\(to)&timeout_ms=\(timeoutMs)"
    if let limit = try arguments.integer("--row-limit", in: 0...1_000_000) {
      path += "&row_limit=\(limit)"
    }
    let request = connection.request(
      "GET", path, accept: format.mediaType, timeoutMs: timeoutMs + 90_000)
    try RowStream(console: invocation.console, output: invocation.console.output)
      .pass(request, over: connection)
    return .done
  }

  private enum Format: String, CaseIterable {
    case csv
    case ndjson

    var mediaType: String { self == .csv ? "text/csv" : "application/x-ndjson" }
  }

  private static func newest(_ connection: ServerConnection) throws(ToolFailure) -> Int {
    let page = try connection.call("GET", "/v1/snapshots?limit=1")
    guard let id = page["snapshots"]?.array?.first?["snapshot_id"]?.integer else {
      throw .unexpectedAnswer("a list without a snapshot")
    }
    return Int(id)
  }
}
