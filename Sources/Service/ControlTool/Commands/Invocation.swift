/// All that a command may use.
struct Invocation: Sendable {
  let arguments: ParsedArguments
  let environment: [String: String]
  let console: Console
  let stop: StopSignal

  /// - Throws: `usage`.
  func connection(connections: Int = 1) throws(ToolFailure) -> ServerConnection {
    let connection = try ServerConnection(
      arguments: arguments, environment: environment, connections: connections)
    return connection
  }

  /// A connection that an interruption closes, so that no command outlives Ctrl-C.
  func interruptibleConnection() throws(ToolFailure) -> ServerConnection {
    let connection = try connection()
    stop.onStop { [client = connection.client] _ in client.close() }
    return connection
  }

  /// Writes a JSON value with a line end to standard output.
  ///
  /// - Throws: `outputClosed`, `outputFailed`.
  func print(_ value: JSONValue) throws(ToolFailure) {
    try console.say(value.compactText + "\n")
  }
}
