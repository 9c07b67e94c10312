/// `tables alter` and `tables schemas`: how a table's columns change.
enum SchemaCommands {
  static let alter = CommandSpecification(
    "tables alter", arguments: "TABLE", count: 1...1, summary: "Change a table's columns.",
    details: """
      The present schema is read, changed as the options say, and sent back whole; if somebody else \
      has changed the table meanwhile the server refuses. --schema sends a file instead, whose \
      columns may say "renamed_from". What the table's compatibility mode refuses is named column \
      by column.
      """,
    options: [
      OptionSpecification(
        "--add", "'NAME TYPE [not null]'", repeats: true, "A column more, at the end."),
      OptionSpecification("--drop", "NAME", repeats: true, "A column less."),
      OptionSpecification("--rename", "OLD=NEW", repeats: true, "Another name for a column."),
      OptionSpecification("--type", "NAME=TYPE", repeats: true, "A wider type for a column."),
      OptionSpecification(
        "--default", "NAME=JSON", repeats: true,
        "What records get that leave the column out; null for nothing."),
      OptionSpecification("--nullable", "NAME", repeats: true, "A column that may be NULL now."),
      OptionSpecification("--comment", "NAME=TEXT", repeats: true, "What a column means."),
      OptionSpecification("--schema", "FILE|-", "All columns as a JSON object."),
      OptionSpecification(
        "--mode", "backward|forward|full|none", "The compatibility mode from now on."),
      OptionSpecification("--dry-run", "Say what would change, and change nothing."),
    ],
    examples: [
      .init(
        command: "duckmeshctl tables alter visits --add 'country VARCHAR' --default "
          + "'country=\"unknown\"'",
        meaning: "A column that older rows show with its default."),
      .init(
        command: "duckmeshctl tables alter visits --rename ms=duration --type duration=BIGINT",
        meaning: "Options apply in this order: rename, then all others by the new names."),
    ]
  ) { invocation throws(ToolFailure) in
    let path = "/v1/tables/" + ServerConnection.encoded(invocation.arguments.positionals[0])
    let connection = try invocation.interruptibleConnection()
    let table = try connection.call("GET", path)
    var members: [JSONValue.Member] = []
    if let file = invocation.arguments.text("--schema") {
      members.append(.init(name: "schema_json", value: try schema(at: file, invocation)))
    } else {
      var edit = SchemaEdit(table)
      try edit.apply(invocation.arguments)
      if edit.isEdited { members.append(.init(name: "schema_json", value: edit.json)) }
    }
    if let mode = invocation.arguments.text("--mode") {
      members.append(.init(name: "compatibility_mode", value: .string(mode)))
    }
    guard !members.isEmpty else {
      throw .usage("nothing to change was said", command: invocation.arguments.command)
    }
    if let version = table["schema_version"] {
      members.append(.init(name: "base_version", value: version))
    }
    if invocation.arguments.has("--dry-run") {
      members.append(.init(name: "dry_run", value: .boolean(true)))
    }
    let answer = try connection.call("PATCH", path, body: .object(members))
    try say(answer, invocation)
    return .done
  }

  static let versions = CommandSpecification(
    "tables schemas", arguments: "TABLE", count: 1...1,
    summary: "List the versions of a table's schema, newest first.",
    options: [OptionSpecification("--limit", "N", "At most so many; 100 is the default.")]
  ) { invocation throws(ToolFailure) in
    let limit = try invocation.arguments.integer("--limit", in: 1...1_000, default: 100)
    let name = ServerConnection.encoded(invocation.arguments.positionals[0])
    let answer = try invocation.interruptibleConnection().call(
      "GET", "/v1/tables/\(name)/schemas?limit=\(limit)")
    let table = TextTable(columns: [
      .init(title: "version", isNumeric: true), .init(title: "snapshot", isNumeric: true),
      .init(title: "created"), .init(title: "mode"), .init(title: "columns"),
    ])
    let rows = (answer["schemas"]?.array ?? []).map { version in
      let columns = TableSchema(version).columns.map { "\($0.name) \($0.typeName)" }
      return [
        version["schema_version"]?.compactText ?? "", version["snapshot_id"]?.compactText ?? "",
        version["created_at"]?.text ?? "", version["compatibility_mode"]?.text ?? "",
        columns.joined(separator: ", "),
      ]
    }
    try invocation.console.say(table.render(rows))
    return .done
  }

  private static func say(
    _ answer: JSONValue, _ invocation: Invocation
  ) throws(ToolFailure) {
    let changes = answer["changes"]?.array ?? []
    for change in changes {
      let words = [
        change["change"]?.text, change["column"]?.text,
        change["renamed_from"]?.text.map { "(was \($0))" },
        change["from"]?.text.map { "from \($0)" }, change["to"]?.text.map { "to \($0)" },
      ]
      let line = words.compactMap { $0.map { Printable.line($0) } }.joined(separator: " ")
      try invocation.console.say(line + "\n")
    }
    let version = answer["schema_version"]?.compactText ?? "?"
    let isDryRun = answer["dry_run"]?.boolean == true
    let what = changes.isEmpty ? "no change of columns" : isDryRun ? "nothing was changed" : "done"
    try invocation.console.say("\(what); schema version \(version)\n")
  }

  /// The columns that a file has: an object, or the array in it.
  static func schema(
    at path: String, _ invocation: Invocation
  ) throws(ToolFailure) -> JSONValue {
    let (bytes, name) = try contents(of: path, invocation)
    do throws(JSONProblem) {
      let value = try JSONValue(parsing: bytes)
      return value.array == nil ? value : .object([.init(name: "columns", value: value)])
    } catch {
      throw notJSON(name, error)
    }
  }

  /// The records of `--sample`: one a line, or an array of them.
  static func sample(_ invocation: Invocation) throws(ToolFailure) -> JSONValue? {
    let arguments = invocation.arguments
    guard let path = arguments.text("--sample") else { return nil }
    guard arguments.all("--column").isEmpty, arguments.text("--schema") == nil else {
      throw .usage(
        "--sample excludes --column and --schema", command: arguments.command)
    }
    let (bytes, name) = try contents(of: path, invocation)
    if let value = try? JSONValue(parsing: bytes), value.array != nil { return value }
    var records: [JSONValue] = []
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      guard line.contains(where: { $0 > 0x20 }) else { continue }
      do throws(JSONProblem) {
        records.append(try JSONValue(parsing: line))
      } catch {
        throw notJSON(name, error)
      }
    }
    return .array(records)
  }

  private static func contents(
    of path: String, _ invocation: Invocation
  ) throws(ToolFailure) -> (bytes: [UInt8], name: String) {
    let source = try ByteSource(
      path: path, standardInput: invocation.console.input, stop: invocation.stop)
    return (try source.readAll(maximumBytes: 4 * 1_048_576), source.name)
  }

  private static func notJSON(_ name: String, _ problem: JSONProblem) -> ToolFailure {
    .unreadableInput(
      name: name, reason: "not JSON: \(problem.reason) (at byte \(problem.offset + 1))")
  }
}
