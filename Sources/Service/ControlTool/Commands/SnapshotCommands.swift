/// `snapshots`: what there is to go back to, keeping it, and going back.
enum SnapshotCommands {
  private enum Format: String, CaseIterable {
    case table
    case json
  }

  private static let formatOption = OptionSpecification(
    "--format", "FORMAT", "table (default) or json, as the server sent it.")

  static let list = CommandSpecification(
    "snapshots list", summary: "List the newest snapshots. Bare snapshots does the same.",
    options: [formatOption, OptionSpecification("--limit", "COUNT", "So many. Default: 20.")]
  ) { invocation throws(ToolFailure) in
    let format = try invocation.arguments.choice("--format", default: Format.table)
    let limit = try invocation.arguments.integer("--limit", in: 1...1_000) ?? 20
    let value = try invocation.interruptibleConnection().call(
      "GET", "/v1/snapshots?limit=\(limit)")
    switch format {
    case .json: try invocation.print(value)
    case .table:
      let table = TextTable(columns: [
        .init(title: "snapshot", isNumeric: true), .init(title: "created"),
        .init(title: "token", isNumeric: true), .init(title: "pin"),
        .init(title: "restored from", isNumeric: true),
      ])
      let rows = (value["snapshots"]?.array ?? []).map { snapshot in
        [
          snapshot["snapshot_id"]?.compactText ?? "", snapshot["created_at"]?.text ?? "",
          snapshot["max_visibility_token"]?.compactText ?? "", pinText(snapshot),
          snapshot["restored_from"]?.compactText ?? "",
        ]
      }
      try invocation.console.say(table.render(rows))
    }
    return .done
  }

  private static func pinText(_ snapshot: JSONValue) -> String {
    guard snapshot["pinned"]?.boolean == true else { return "" }
    return snapshot["pin"]?["name"]?.text ?? "pinned"
  }

  static let pin = CommandSpecification(
    "snapshots pin", arguments: "ID", count: 1...1,
    summary: "Keep a snapshot beyond retention.",
    options: [
      OptionSpecification("--name", "TEXT", "What it is kept for."),
      OptionSpecification(
        "--expires-at", "TIME", "When the pin ends, such as 2099-01-31T12:00:00Z."),
    ],
    examples: [
      .init(
        command: "duckmeshctl snapshots pin 31 --name 'before the migration'",
        meaning: "Until it is unpinned.")
    ]
  ) { invocation throws(ToolFailure) in
    var members = [
      JSONValue.Member(name: "snapshot_id", value: .number(try snapshotID(invocation)))
    ]
    if let name = invocation.arguments.text("--name") {
      members.append(.init(name: "name", value: .string(name)))
    }
    if let end = invocation.arguments.text("--expires-at") {
      members.append(.init(name: "expires_at", value: .string(end)))
    }
    let value = try invocation.interruptibleConnection().call(
      "POST", "/v1/snapshots/pin", body: .object(members))
    try invocation.console.say("pinned snapshot \(value["snapshot_id"]?.compactText ?? "")\n")
    return .done
  }

  static let unpin = CommandSpecification(
    "snapshots unpin", arguments: "ID", count: 1...1,
    summary: "Give a snapshot back to retention."
  ) { invocation throws(ToolFailure) in
    let id = try snapshotID(invocation)
    _ = try invocation.interruptibleConnection().call("DELETE", "/v1/snapshots/pin/\(id)")
    try invocation.console.say("unpinned snapshot \(id)\n")
    return .done
  }

  static let restore = CommandSpecification(
    "snapshots restore", arguments: "ID", count: 1...1,
    summary: "Put the content of a snapshot back, as a new snapshot.",
    details: """
      Tables that were dropped since live again; tables that were made since stay as they are. \
      Nothing is lost: the content of before can be put back in the same way.
      """,
    options: [
      OptionSpecification("--table", "NAME", repeats: true, "Only this table."), formatOption,
    ],
    examples: [
      .init(
        command: "duckmeshctl snapshots restore 31 --table stock",
        meaning: "One table as it was at snapshot 31.")
    ]
  ) { invocation throws(ToolFailure) in
    let format = try invocation.arguments.choice("--format", default: Format.table)
    var members = [
      JSONValue.Member(name: "snapshot_id", value: .number(try snapshotID(invocation)))
    ]
    let tables = invocation.arguments.all("--table")
    if !tables.isEmpty {
      members.append(.init(name: "tables", value: .array(tables.map { .string($0) })))
    }
    let value = try invocation.interruptibleConnection().call(
      "POST", "/v1/snapshots/restore", body: .object(members), timeoutMs: 3_600_000)
    switch format {
    case .json: try invocation.print(value)
    case .table:
      let names = (value["tables"]?.array ?? []).compactMap(\.text).map { Printable.line($0) }
      try invocation.console.say(
        "snapshot \(value["snapshot_id"]?.compactText ?? "") has the content of snapshot "
          + "\(value["restored_from"]?.compactText ?? ""): \(names.joined(separator: ", "))\n")
    }
    return .done
  }

  private static func snapshotID(_ invocation: Invocation) throws(ToolFailure) -> String {
    let text = invocation.arguments.positionals[0]
    guard let id = Int64(text), id >= 0 else {
      throw .usage("a snapshot's id is a number", command: invocation.arguments.command)
    }
    return String(id)
  }
}
