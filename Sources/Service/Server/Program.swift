import API
import Configuration
import Foundation
import Runtime

/// The command line of `duckmesh`.
package enum Program {
  private static let usage = """
    duckmesh: an analytics ingestion and query plane around DuckDB

    usage:
      duckmesh serve [--SETTING VALUE]…   run the server until Ctrl-C
      duckmesh migrate up|down|status     bring the catalog in PostgreSQL to a version
      duckmesh version                    print the version
      duckmesh help                       print this

    Every setting is an environment variable and a flag: DUCKMESH_HTTP_ADDR is --http-addr.
    All of them stand in docs/configuration.md. With none at all the server keeps its data in
    ./duckmesh-data and listens on 127.0.0.1:8080.

    exit codes: 0 stopped in order, 1 failed while running, 2 wrong usage,
    3 could not start (a setting, the port, the data folder or the catalog: the message names the
    variable)
    """

  package static func run(
    arguments: [String], environment: [String: String], shutdown: Shutdown
  ) async -> Int32 {
    let isHelp = arguments.dropFirst().contains { $0 == "--help" || $0 == "-h" }
    switch arguments.first {
    case "serve" where isHelp, "migrate" where isHelp, "help", "--help", "-h":
      write(usage + "\n", to: .standardOutput)
      return 0
    case "serve":
      return await ServeCommand.run(
        arguments: Array(arguments.dropFirst()), environment: environment, shutdown: shutdown)
    case "migrate":
      return await MigrateCommand.run(
        arguments: Array(arguments.dropFirst()), environment: environment)
    case "version", "--version":
      write("duckmesh \(ProductVersion.text)\n", to: .standardOutput)
      return 0
    case let command:
      let problem = command.map { "there is no command \"\($0)\"" } ?? "a command is missing"
      write("duckmesh: \(problem)\n\n\(usage)\n", to: .standardError)
      return 2
    }
  }

  private static func write(_ text: String, to handle: FileHandle) {
    handle.write(Data(text.utf8))
  }
}
