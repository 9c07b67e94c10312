/// `duckmeshctl`: the client and operator tool.
package enum ControlTool {
  static let version = "0.1.0"

  static let commands: [CommandSpecification] = [
    IngestCommand.specification, QueryCommand.specification, TableCommands.list,
    TableCommands.get, TableCommands.create, SchemaCommands.alter, SchemaCommands.versions,
    TableCommands.delete, ChangesCommand.specification, SnapshotCommands.list,
    SnapshotCommands.pin, SnapshotCommands.unpin, SnapshotCommands.restore,
    DeadLetterCommands.list, DeadLetterCommands.replay, DeadLetterCommands.delete,
    ReplayCommands.start, ReplayCommands.list, ReplayCommands.get, ReplayCommands.cancel,
    StatusCommands.lag, StatusCommands.health, StatusCommands.ready, StatusCommands.version,
    CatalogCommands.status, CatalogCommands.adopt,
  ]

  /// Runs one command line to its end on the calling thread, which must not be one of Swift's
  /// own pool.
  ///
  /// - Parameters:
  ///   - arguments: without the program's own name.
  ///   - stop: ends the command early.
  package static func run(
    _ arguments: [String], environment: [String: String], console: Console, stop: StopSignal
  ) -> ExitCode {
    var exitCode: ExitCode
    do throws(ToolFailure) {
      exitCode = try perform(arguments, environment, console, stop)
      do {
        try console.output.flush()
      } catch {
        throw ToolFailure(error)
      }
    } catch {
      var failure = error
      if let reason = stop.reason, case .interrupted = failure {
        failure = .interrupted(by: reason)
      }
      exitCode = failure.exitCode
      try? console.output.flush()
      if !failure.message.isEmpty { console.note("duckmeshctl: " + failure.message) }
    }
    return exitCode
  }

  private static func perform(
    _ arguments: [String], _ environment: [String: String], _ console: Console, _ stop: StopSignal
  ) throws(ToolFailure) -> ExitCode {
    if CatalogCommands.isFor(arguments) {
      try CatalogCommands.becomeServerProgram(arguments)
    }
    let help = HelpText(commands: commands)
    switch try ArgumentParser(commands: commands).parse(arguments) {
    case .help(nil): try console.say(help.tool())
    case .help(.some(let command)): try console.say(help.command(command))
    case .groupHelp(let word): try console.say(help.group(word))
    case .command(let command, let parsed):
      return try command.run(
        Invocation(arguments: parsed, environment: environment, console: console, stop: stop))
    }
    return .done
  }
}
