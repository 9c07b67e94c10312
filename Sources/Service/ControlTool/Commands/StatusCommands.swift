/// The commands that ask the server how it is.
enum StatusCommands {
  private enum Format: String, CaseIterable {
    case table
    case json
  }

  private static let formatOption = OptionSpecification(
    "--format", "FORMAT", "table (default) or json, as the server sent it.")

  static let lag = CommandSpecification(
    "lag", summary: "Show how far what can be queried is behind what was accepted.",
    details: "pending_events is 0 when every accepted event is visible or in the dead letters.",
    options: [formatOption]
  ) { invocation throws(ToolFailure) in
    let format = try invocation.arguments.choice("--format", default: Format.table)
    let value = try invocation.interruptibleConnection().call("GET", "/v1/lag")
    try show(value, format, invocation)
    return .done
  }

  static let health = CommandSpecification(
    "health", summary: "Ask whether the server process answers.", options: [formatOption]
  ) { invocation throws(ToolFailure) in
    try state(of: "/v1/health", invocation)
  }

  static let ready = CommandSpecification(
    "ready", summary: "Ask whether the server can do its work; each part is named.",
    details: "Exit code 1 when it is not ready. Use it in scripts that wait for a start.",
    options: [formatOption],
    examples: [
      .init(command: "until duckmeshctl ready; do sleep 1; done", meaning: "Wait for a start.")
    ]
  ) { invocation throws(ToolFailure) in
    try state(of: "/v1/ready", invocation)
  }

  static let version = CommandSpecification(
    "version", summary: "Show the versions of this tool and of the server."
  ) { invocation throws(ToolFailure) in
    try invocation.console.say("duckmeshctl \(ControlTool.version)\n")
    let value = try invocation.interruptibleConnection().call("GET", "/v1/version")
    try invocation.console.say(
      "server \(Printable.line(value["version"]?.text ?? value.compactText))\n")
    return .done
  }

  /// Shows the answer whatever its status: a server that is not ready says which part is not.
  private static func state(
    of path: String, _ invocation: Invocation
  ) throws(ToolFailure) -> ExitCode {
    let format = try invocation.arguments.choice("--format", default: Format.table)
    let connection = try invocation.interruptibleConnection()
    let response = try connection.send(connection.request("GET", path))
    let value = try ServerConnection.json(response)
    if value["error_code"] != nil { throw .refused(ServerRefusal(response)) }
    try show(value, format, invocation)
    return (200..<300).contains(response.status) ? .done : .refused
  }

  private static func show(
    _ value: JSONValue, _ format: Format, _ invocation: Invocation
  ) throws(ToolFailure) {
    switch format {
    case .json: try invocation.print(value)
    case .table:
      let rows = flattened(value, prefix: "")
      let width = rows.map { Printable.width($0.name) }.max() ?? 0
      for row in rows {
        let padding = String(repeating: " ", count: width - Printable.width(row.name) + 2)
        try invocation.console.say("\(row.name)\(padding)\(row.text)\n")
      }
    }
  }

  /// Members as `outer.inner` with their values.
  private static func flattened(
    _ value: JSONValue, prefix: String
  ) -> [(name: String, text: String)] {
    guard let members = value.members, !members.isEmpty else {
      return [(Printable.line(prefix), Printable.line(value.text ?? value.compactText))]
    }
    return members.flatMap { member in
      flattened(member.value, prefix: prefix.isEmpty ? member.name : prefix + "." + member.name)
    }
  }
}
