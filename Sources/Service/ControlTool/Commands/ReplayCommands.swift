/// `replays`: writing events again that the bus has kept.
enum ReplayCommands {
  private enum Format: String, CaseIterable {
    case table
    case json
  }

  private static let formatOption = OptionSpecification(
    "--format", "FORMAT", "table (default) or json, as the server sent it.")

  static let start = CommandSpecification(
    "replays start", arguments: "SOURCE [TARGET]", count: 1...2,
    summary: "Write the kept events of a table into a table again.",
    details: """
      Into the table of the source's name unless a target is given. It goes on in the background; \
      replays get tells how far it is.
      """,
    options: [
      OptionSpecification("--from-token", "TOKEN", "The first token."),
      OptionSpecification("--from-time", "TIME", "Instead: accepted at this time or later."),
      OptionSpecification("--to-token", "TOKEN", "The last token. Default: the newest."),
      OptionSpecification("--to-time", "TIME", "Instead: accepted before this time."),
      OptionSpecification(
        "--source-dropped", "Of the tables of that name the one that was dropped last."),
      OptionSpecification(
        "--into-existing-rows", "The target may have rows already; events win over them by key."),
      OptionSpecification(
        "--series", "TEXT", "An event enters a target once under each series."),
      formatOption,
    ],
    examples: [
      .init(
        command: "duckmeshctl replays start orders --source-dropped --from-token 1",
        meaning: "What the dropped table orders was sent, into the new one."),
      .init(
        command: "duckmeshctl replays start orders orders_2 --from-time 2026-05-01T00:00:00Z",
        meaning: "Since the first of May, into another table."),
    ]
  ) { invocation throws(ToolFailure) in
    let arguments = invocation.arguments
    var members: [JSONValue.Member] = []
    for (name, place) in [("source_table", 0), ("target_table", 1)]
    where arguments.positionals.indices.contains(place) {
      members.append(.init(name: name, value: .string(arguments.positionals[place])))
    }
    for (option, name) in [("--from-token", "from_token"), ("--to-token", "to_token")] {
      if let token = try arguments.integer(option, in: 1...Int.max) {
        members.append(.init(name: name, value: JSONValue(token)))
      }
    }
    for (option, name) in [
      ("--from-time", "from_time"), ("--to-time", "to_time"), ("--series", "series"),
    ] {
      if let text = arguments.text(option) {
        members.append(.init(name: name, value: .string(text)))
      }
    }
    for (option, name) in [
      ("--source-dropped", "source_dropped"), ("--into-existing-rows", "into_existing_rows"),
    ] where arguments.has(option) {
      members.append(.init(name: name, value: .boolean(true)))
    }
    let value = try invocation.interruptibleConnection().call(
      "POST", "/v1/replays", body: .object(members))
    try show([value], value, invocation)
    return .done
  }

  static let list = CommandSpecification(
    "replays list", summary: "List the newest replays.",
    options: [OptionSpecification("--limit", "COUNT", "So many. Default: 20."), formatOption]
  ) { invocation throws(ToolFailure) in
    let limit = try invocation.arguments.integer("--limit", in: 1...1_000) ?? 20
    let value = try invocation.interruptibleConnection().call("GET", "/v1/replays?limit=\(limit)")
    try show(value["replays"]?.array ?? [], value, invocation)
    return .done
  }

  static let get = CommandSpecification(
    "replays get", arguments: "ID", count: 1...1, summary: "Tell how far a replay is.",
    options: [formatOption]
  ) { invocation throws(ToolFailure) in
    let value = try invocation.interruptibleConnection().call(
      "GET", "/v1/replays/" + ServerConnection.encoded(invocation.arguments.positionals[0]))
    try show([value], value, invocation)
    return .done
  }

  static let cancel = CommandSpecification(
    "replays cancel", arguments: "ID", count: 1...1,
    summary: "End a replay where it is; what it has written stays."
  ) { invocation throws(ToolFailure) in
    let id = invocation.arguments.positionals[0]
    _ = try invocation.interruptibleConnection().call(
      "DELETE", "/v1/replays/" + ServerConnection.encoded(id))
    try invocation.console.say("cancelled \(Printable.line(id))\n")
    return .done
  }

  private static func show(
    _ replays: [JSONValue], _ answer: JSONValue, _ invocation: Invocation
  ) throws(ToolFailure) {
    switch try invocation.arguments.choice("--format", default: Format.table) {
    case .json: try invocation.print(answer)
    case .table:
      let table = TextTable(columns: [
        .init(title: "id", isNumeric: true), .init(title: "source"), .init(title: "target"),
        .init(title: "from", isNumeric: true), .init(title: "next", isNumeric: true),
        .init(title: "to", isNumeric: true), .init(title: "events", isNumeric: true),
        .init(title: "status"),
      ])
      let rows = replays.map { replay in
        [
          replay["replay_id"]?.compactText ?? "", replay["source_table"]?.text ?? "",
          replay["target_table"]?.text ?? "", replay["from_token"]?.compactText ?? "",
          replay["next_token"]?.compactText ?? "", replay["to_token"]?.compactText ?? "",
          replay["event_count"]?.compactText ?? "",
          [replay["status"]?.text, replay["error_code"]?.text].compactMap { $0 }
            .joined(separator: " "),
        ]
      }
      try invocation.console.say(table.render(rows))
    }
  }
}
