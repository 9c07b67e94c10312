/// `tables`: what tables there are, and making and dropping them.
enum TableCommands {
  private enum Format: String, CaseIterable {
    case table
    case json
  }

  private static let formatOption = OptionSpecification(
    "--format", "FORMAT", "table (default) or json, as the server sent it.")

  static let list = CommandSpecification(
    "tables list", summary: "List the tables. Bare tables does the same.", options: [formatOption]
  ) { invocation throws(ToolFailure) in
    let format = try invocation.arguments.choice("--format", default: Format.table)
    let tables = try allTables(try invocation.interruptibleConnection())
    switch format {
    case .json: try invocation.print(.object([.init(name: "tables", value: .array(tables))]))
    case .table:
      let table = TextTable(columns: [
        .init(title: "table"), .init(title: "columns", isNumeric: true),
        .init(title: "schema version", isNumeric: true), .init(title: "created"),
      ])
      let rows = tables.map { entry in
        [
          entry["table_name"]?.text ?? "", String(TableSchema(entry).columns.count),
          entry["schema_version"]?.compactText ?? "", entry["created_at"]?.text ?? "",
        ]
      }
      try invocation.console.say(table.render(rows))
    }
    return .done
  }

  static let get = CommandSpecification(
    "tables get", arguments: "TABLE", count: 1...1, summary: "Show a table's columns.",
    options: [formatOption]
  ) { invocation throws(ToolFailure) in
    let name = invocation.arguments.positionals[0]
    let format = try invocation.arguments.choice("--format", default: Format.table)
    let value = try invocation.interruptibleConnection().call(
      "GET", "/v1/tables/" + ServerConnection.encoded(name))
    switch format {
    case .json: try invocation.print(value)
    case .table:
      let table = TextTable(columns: [
        .init(title: "column"), .init(title: "type"), .init(title: "nullable"),
      ])
      let rows = TableSchema(value).columns.map { column in
        [column.name, column.typeName, column.isNullable ? "yes" : "no"]
      }
      try invocation.console.say(table.render(rows))
      if let column = value["event_time_column"]?.text {
        try invocation.console.say("event time column: \(Printable.line(column))\n")
      }
      let key = (value["primary_key_cols"]?.array ?? []).compactMap(\.text)
      if !key.isEmpty {
        try invocation.console.say(
          "primary key: \(key.map { Printable.line($0) }.joined(separator: ", "))\n")
      }
      for (title, text) in TableLayout.lines(value) {
        try invocation.console.say("\(title): \(Printable.line(text))\n")
      }
    }
    return .done
  }

  static let create = CommandSpecification(
    "tables create", arguments: "TABLE", count: 1...1, summary: "Make a table.",
    details: """
      Either --column for each column, in order, or --schema with a file that holds \
      {"columns": [{"name": …, "type": …, "nullable": …}]}, or --sample with a file of records \
      from which the server proposes the columns. Types are DuckDB's: BIGINT, DOUBLE, \
      DECIMAL(18,2), VARCHAR, BOOLEAN, DATE, TIMESTAMP, TIMESTAMPTZ, UUID, JSON and so on.
      """,
    options: [
      OptionSpecification(
        "--column", "'NAME TYPE [not null]'", repeats: true, "One column of the table."),
      OptionSpecification("--schema", "FILE|-", "Columns as a JSON object."),
      OptionSpecification(
        "--sample", "FILE|-", "Records, a JSON object a line, from which columns are proposed."),
      OptionSpecification(
        "--dry-run", "Print the schema that the table would have, and make nothing."),
      OptionSpecification(
        "--event-time-column", "NAME", "The column that a record's event_time fills."),
      OptionSpecification(
        "--primary-key", "COLUMNS", "The columns, with commas, of the primary key."),
      OptionSpecification(
        "--on-existing-key", "upsert|dead_letter",
        "What an insert of a key that is there does: replace the row (default), or nothing."),
      OptionSpecification(
        "--partition-by", "FIELDS",
        "What rows are partitioned by, with commas: COLUMN, year(COLUMN), month(COLUMN), "
          + "day(COLUMN), hour(COLUMN) or bucket(N:COLUMN)."),
      OptionSpecification(
        "--sort-by", "COLUMNS", "The order of rows in files, with commas: COLUMN or COLUMN:desc."),
    ],
    examples: [
      .init(
        command: "duckmeshctl tables create visits --column 'ts TIMESTAMPTZ not null' "
          + "--column 'page VARCHAR' --event-time-column ts",
        meaning: "Two columns, the first of them never NULL."),
      .init(
        command: "duckmeshctl tables create stock --column 'item VARCHAR' "
          + "--column 'count BIGINT' --primary-key item",
        meaning: "One row for each item, replaced by later writes."),
      .init(
        command: "duckmeshctl tables create clicks --column 'at TIMESTAMPTZ' "
          + "--column 'site VARCHAR' --partition-by 'year(at)' --sort-by site",
        meaning: "Files of one year each, in which a site's rows are together."),
    ]
  ) { invocation throws(ToolFailure) in
    let name = invocation.arguments.positionals[0]
    var members: [JSONValue.Member] = [.init(name: "table_name", value: .string(name))]
    if let sample = try SchemaCommands.sample(invocation) {
      members.append(.init(name: "sample_records", value: sample))
    } else {
      members.append(.init(name: "schema_json", value: try requestedSchema(invocation)))
    }
    if invocation.arguments.has("--dry-run") {
      members.append(.init(name: "dry_run", value: .boolean(true)))
    }
    if let column = invocation.arguments.text("--event-time-column") {
      members.append(.init(name: "event_time_column", value: .string(column)))
    }
    if let columns = invocation.arguments.text("--primary-key") {
      let key = columns.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      members.append(.init(name: "primary_key_cols", value: .array(key.map { .string($0) })))
    }
    if let rule = invocation.arguments.text("--on-existing-key") {
      members.append(.init(name: "on_existing_key", value: .string(rule)))
    }
    members += TableLayout.members(
      partitionBy: invocation.arguments.text("--partition-by"),
      sortBy: invocation.arguments.text("--sort-by"))
    let made = try invocation.interruptibleConnection().call(
      "POST", "/v1/tables", body: .object(members))
    if invocation.arguments.has("--dry-run") {
      try invocation.print(made["schema_json"] ?? .null)
      return .done
    }
    try invocation.console.say("created \(Printable.line(name))\n")
    return .done
  }

  static let delete = CommandSpecification(
    "tables delete", arguments: "TABLE", count: 1...1, summary: "Drop a table.",
    details: "Its rows stay reachable at older snapshots until retention removes them."
  ) { invocation throws(ToolFailure) in
    let name = invocation.arguments.positionals[0]
    _ = try invocation.interruptibleConnection().call(
      "DELETE", "/v1/tables/" + ServerConnection.encoded(name))
    try invocation.console.say("deleted \(Printable.line(name))\n")
    return .done
  }

  private static func allTables(
    _ connection: ServerConnection
  ) throws(ToolFailure) -> [JSONValue] {
    var tables: [JSONValue] = []
    var path = "/v1/tables"
    while true {
      let page = try connection.call("GET", path)
      guard let entries = page["tables"]?.array else {
        throw .unexpectedAnswer("a list without its tables")
      }
      tables += entries
      guard let token = page["next_page_token"]?.text, !token.isEmpty else { return tables }
      path = "/v1/tables?page_token=" + ServerConnection.encoded(token)
    }
  }

  private static func requestedSchema(_ invocation: Invocation) throws(ToolFailure) -> JSONValue {
    let arguments = invocation.arguments
    let columns = arguments.all("--column")
    guard let path = arguments.text("--schema") else {
      guard !columns.isEmpty else {
        throw .usage("a table needs --column or --schema", command: arguments.command)
      }
      var parsed: [TableSchema.Column] = []
      for text in columns {
        guard let column = TableSchema.Column(declaration: text) else {
          throw .usage("--column takes 'NAME TYPE [not null]'", command: arguments.command)
        }
        parsed.append(column)
      }
      return TableSchema(columns: parsed).json
    }
    guard columns.isEmpty else {
      throw .usage("--column and --schema exclude each other", command: arguments.command)
    }
    return try SchemaCommands.schema(at: path, invocation)
  }
}
