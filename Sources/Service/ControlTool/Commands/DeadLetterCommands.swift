/// `dead-letters`: what could not become a row, and what is to become of it.
enum DeadLetterCommands {
  private enum Format: String, CaseIterable {
    case table
    case json
  }

  private static let formatOption = OptionSpecification(
    "--format", "FORMAT", "table (default) or json, as the server sent it.")
  private static let tableOption = OptionSpecification(
    "--table", "TABLE", "Only those of this table.")
  private static let reasonOption = OptionSpecification(
    "--reason", "REASON", "Only those with this reason, such as SCHEMA_VIOLATION.")

  static let list = CommandSpecification(
    "dead-letters list", summary: "List the open dead letters.",
    options: [
      tableOption, reasonOption,
      OptionSpecification("--token", "TOKEN", "Only the one with this token."),
      OptionSpecification("--limit", "N", "At most so many; 100 unless given."), formatOption,
    ]
  ) { invocation throws(ToolFailure) in
    let arguments = invocation.arguments
    let format = try arguments.choice("--format", default: Format.table)
    let limit = try arguments.integer("--limit", in: 1...1_000) ?? 100
    var path = "/v1/dead-letters?limit=\(limit)"
    for (option, name) in [("--table", "table"), ("--reason", "reason"), ("--token", "token")] {
      if let text = arguments.text(option) { path += "&\(name)=" + ServerConnection.encoded(text) }
    }
    let value = try invocation.interruptibleConnection().call("GET", path)
    switch format {
    case .json: try invocation.print(value)
    case .table:
      let table = TextTable(columns: [
        .init(title: "id", isNumeric: true), .init(title: "table"),
        .init(title: "token", isNumeric: true), .init(title: "reason"), .init(title: "message"),
      ])
      let letters = value["dead_letters"]?.array ?? []
      let rows = letters.map { letter in
        [
          letter["dead_letter_id"]?.compactText ?? "", letter["table_name"]?.text ?? "",
          letter["token"]?.compactText ?? "", letter["reason"]?.text ?? "",
          letter["message"]?.text ?? "",
        ]
      }
      try invocation.console.say(table.render(rows))
      if value["next_page_token"] != nil { invocation.console.note("there are more") }
    }
    return .done
  }

  static let replay = CommandSpecification(
    "dead-letters replay", arguments: "[ID…]", count: 0...1_000,
    summary: "Try dead letters again, under their own keys and tokens.",
    details: """
      Either ids, or --table and --reason with --limit to choose some. --payload gives one letter \
      another payload. The exit code is 4 when some are still dead letters or not tried yet.
      """,
    options: [
      tableOption, reasonOption,
      OptionSpecification("--limit", "N", "At most so many of those that are chosen."),
      OptionSpecification(
        "--payload", "FILE|-", "A JSON object that takes the place of the one letter's payload."),
      OptionSpecification("--timeout-ms", "MS", "How long to wait for what becomes of them."),
      formatOption,
    ],
    examples: [
      .init(
        command: "duckmeshctl dead-letters replay --table orders --limit 1000",
        meaning: "Try those of a table again, after its schema was changed."),
      .init(
        command: "duckmeshctl dead-letters replay 17 --payload fixed.json",
        meaning: "Try one with a corrected payload."),
    ]
  ) { invocation throws(ToolFailure) in
    let format = try invocation.arguments.choice("--format", default: Format.table)
    let order = try order(invocation)
    let value = try invocation.interruptibleConnection().call(
      "POST", "/v1/dead-letters/replay", body: order)
    let results = value["results"]?.array ?? []
    switch format {
    case .json: try invocation.print(value)
    case .table:
      let table = TextTable(columns: [
        .init(title: "id", isNumeric: true), .init(title: "token", isNumeric: true),
        .init(title: "outcome"), .init(title: "reason"), .init(title: "message"),
      ])
      let rows = results.map { result in
        [
          result["dead_letter_id"]?.compactText ?? "", result["token"]?.compactText ?? "",
          result["outcome"]?.text ?? "", result["reason"]?.text ?? "",
          result["message"]?.text ?? "",
        ]
      }
      try invocation.console.say(table.render(rows))
    }
    let open: Set<String> = ["dead_letter", "pending", "not_found"]
    return results.contains { open.contains($0["outcome"]?.text ?? "") } ? .partial : .done
  }

  static let delete = CommandSpecification(
    "dead-letters delete", arguments: "ID…", count: 1...1_000,
    summary: "Give dead letters up for good; they are counted as discarded."
  ) { invocation throws(ToolFailure) in
    let connection = try invocation.interruptibleConnection()
    for id in invocation.arguments.positionals {
      _ = try connection.call("DELETE", "/v1/dead-letters/" + ServerConnection.encoded(id))
      try invocation.console.say("discarded \(Printable.line(id))\n")
    }
    return .done
  }

  private static func order(_ invocation: Invocation) throws(ToolFailure) -> JSONValue {
    let arguments = invocation.arguments
    var members: [JSONValue.Member] = []
    func refuse(_ message: String) -> ToolFailure {
      .usage(message, command: arguments.command)
    }
    let filter = [("--table", "table"), ("--reason", "reason")].compactMap { option, name in
      arguments.text(option).map { JSONValue.Member(name: name, value: .string($0)) }
    }
    let limit = try arguments.integer("--limit", in: 1...1_000)
    if arguments.positionals.isEmpty {
      guard let limit else { throw refuse("it takes ids, or --limit with --table or --reason") }
      members.append(.init(name: "filter", value: .object(filter)))
      members.append(.init(name: "limit", value: JSONValue(limit)))
    } else {
      guard filter.isEmpty, limit == nil else {
        throw refuse("ids exclude --table, --reason and --limit")
      }
      var ids: [JSONValue] = []
      for text in arguments.positionals {
        guard let id = Int(text) else { throw refuse("an id is a number: \(text)") }
        ids.append(JSONValue(id))
      }
      members.append(.init(name: "ids", value: .array(ids)))
    }
    if let path = arguments.text("--payload") {
      guard arguments.positionals.count == 1 else { throw refuse("--payload takes one id") }
      members.append(
        .init(
          name: "payloads",
          value: .object([
            .init(name: arguments.positionals[0], value: try payload(path, invocation))
          ])))
    }
    if let timeoutMs = try arguments.integer("--timeout-ms", in: 0...60_000) {
      members.append(.init(name: "timeout_ms", value: JSONValue(timeoutMs)))
    }
    return .object(members)
  }

  private static func payload(
    _ path: String, _ invocation: Invocation
  ) throws(ToolFailure) -> JSONValue {
    let source = try ByteSource(
      path: path, standardInput: invocation.console.input, stop: invocation.stop)
    let bytes = try source.readAll(maximumBytes: 32 * 1_048_576)
    do throws(JSONProblem) {
      return try JSONValue(parsing: bytes)
    } catch {
      throw .unreadableInput(
        name: source.name, reason: "not JSON: \(error.reason) (at byte \(error.offset + 1))")
    }
  }
}
