import Configuration
import Foundation
import PostgreSQLStore

/// `duckmesh migrate up|down|status`: the catalog's form, apart from serving it.
enum MigrateCommand {
  private enum Action {
    case up
    /// Nil takes the newest migration back.
    case down(to: Int?)
    case status
  }

  static func run(arguments: [String], environment: [String: String]) async -> Int32 {
    guard let (action, rest) = parse(arguments) else {
      complain("migrate takes up, down [VERSION] or status, then settings")
      return 2
    }
    let configuration: ServerConfiguration
    do throws(ConfigurationError) {
      configuration = try ServerConfiguration(
        arguments: rest, environment: environment,
        processorCount: ProcessInfo.processInfo.activeProcessorCount,
        memoryBytes: Int(clamping: ProcessInfo.processInfo.physicalMemory))
    } catch {
      complain("the settings cannot stand:\n\(error)")
      return ServeCommand.Exit.cannotStart
    }
    guard case .postgreSQL(let location) = configuration.catalog else {
      complain(
        "the embedded catalog is migrated when the server starts; for another, set"
          + " DUCKMESH_CATALOG_DSN")
      return ServeCommand.Exit.cannotStart
    }
    do {
      let options = try PostgreSQLOptions(
        location: location, limits: configuration.limits.catalog)
      return try await perform(action, PostgreSQLMigrator(options: options))
    } catch {
      complain(StartFailure.text(of: error, configuration))
      return ServeCommand.Exit.cannotStart
    }
  }

  private static func parse(_ arguments: [String]) -> (Action, [String])? {
    let rest = Array(arguments.dropFirst())
    switch arguments.first {
    case "up": return (.up, rest)
    case "status": return (.status, rest)
    case "down":
      guard let version = rest.first, !version.hasPrefix("--") else {
        return (.down(to: nil), rest)
      }
      guard let number = Int(version), number >= 0 else { return nil }
      return (.down(to: number), Array(rest.dropFirst()))
    default: return nil
    }
  }

  private static func perform(
    _ action: Action, _ migrator: PostgreSQLMigrator
  ) async throws(PostgreSQLOpenError) -> Int32 {
    switch action {
    case .up: try await migrator.migrateUp()
    case .status: break
    case .down(let given):
      let applied = try await migrator.status().filter { $0.state == .applied }.map(\.version)
      let target = given ?? (applied.max() ?? 1) - 1
      // The first migration's way back is the end of the lake.
      guard given != nil || target > 0 else {
        complain("this would remove the whole catalog; say \"migrate down 0\" if that is meant")
        return 2
      }
      try await migrator.migrateDown(to: target)
    }
    for status in try await migrator.status() {
      let moment = status.appliedAt.map { " \($0)" } ?? ""
      write("\(status.version) \(status.name) \(status.state.rawValue)\(moment)\n")
    }
    return ServeCommand.Exit.ok
  }

  private static func write(_ text: String) {
    FileHandle.standardOutput.write(Data(text.utf8))
  }

  private static func complain(_ text: String) {
    FileHandle.standardError.write(Data("duckmesh: \(text)\n".utf8))
  }
}
