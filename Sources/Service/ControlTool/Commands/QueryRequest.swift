/// Makes the body of a query request from the options.
package enum QueryRequest {
  /// - Throws: `usage`, `unreadableInput`.
  static func body(_ invocation: Invocation) throws(ToolFailure) -> JSONValue {
    let arguments = invocation.arguments
    var members = [JSONValue.Member(name: "sql", value: .string(try sql(invocation)))]
    if let params = try params(arguments) { members.append(.init(name: "params", value: params)) }
    var selectors = 0
    if let token = try arguments.integer("--min-token", in: 0...Int.max) {
      members.append(.init(name: "min_visibility_token", value: JSONValue(token)))
      selectors += 1
    }
    if let snapshot = try arguments.integer("--snapshot", in: 0...Int.max) {
      members.append(.init(name: "snapshot_id", value: JSONValue(snapshot)))
      selectors += 1
    }
    if let time = arguments.text("--at") {
      members.append(.init(name: "snapshot_time", value: .string(time)))
      selectors += 1
    }
    guard selectors <= 1 else {
      throw .usage("--min-token, --snapshot and --at exclude each other", command: "query")
    }
    if let rows = try arguments.integer("--row-limit", in: 1...Int.max) {
      members.append(.init(name: "row_limit", value: JSONValue(rows)))
    }
    if let timeoutMs = try arguments.integer("--timeout-ms", in: 1...300_000) {
      members.append(.init(name: "timeout_ms", value: JSONValue(timeoutMs)))
    }
    if let zone = arguments.text("--time-zone") {
      members.append(.init(name: "time_zone", value: .string(zone)))
    }
    return .object(members)
  }

  /// `NAME=VALUE`; nil when it is not of that form.
  package static func param(_ text: String) -> JSONValue.Member? {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty else { return nil }
    let value: JSONValue
    switch try? JSONValue(parsing: parts[1].utf8) {
    case .some(.array), .some(.object), nil: value = .string(String(parts[1]))
    case .some(let scalar): value = scalar
    }
    return JSONValue.Member(name: String(parts[0]), value: value)
  }

  private static func params(_ arguments: ParsedArguments) throws(ToolFailure) -> JSONValue? {
    var members: [JSONValue.Member] = []
    for text in arguments.all("--param") {
      guard let member = param(text) else {
        throw .usage("--param takes NAME=VALUE", command: "query")
      }
      guard !members.contains(where: { $0.name == member.name }) else {
        throw .usage("--param \(member.name) is given twice", command: "query")
      }
      members.append(member)
    }
    return members.isEmpty ? nil : .object(members)
  }

  private static func sql(_ invocation: Invocation) throws(ToolFailure) -> String {
    let word = invocation.arguments.positionals[0]
    guard word == "-" else { return word }
    let source = try ByteSource(
      path: "-", standardInput: invocation.console.input, stop: invocation.stop)
    let bytes = try source.readAll(maximumBytes: 1_048_576)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .unreadableInput(name: source.name, reason: "not UTF-8")
    }
    return text
  }
}
