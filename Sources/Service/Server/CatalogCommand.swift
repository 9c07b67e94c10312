import Catalog
import Configuration
import Coordinator
import Foundation
import Maintenance
import Model
import ObjectStore
import Observability
import Runtime

/// `duckmesh catalog status|adopt`: whether the catalog is the lake's, and making a restored one
/// so.
enum CatalogCommand {
  private struct Options {
    var isAdoption = false
    var isForced = false
    var isConfirmed = false
    var checksIntegrity = true
    var settings: [String] = []
  }

  static func run(
    arguments: [String], environment: [String: String], confirm: () -> Bool = askOperator
  ) async -> Int32 {
    guard let options = parse(arguments) else {
      complain("catalog takes status or adopt [--yes] [--force] [--skip-integrity], then settings")
      return 2
    }
    let configuration: ServerConfiguration
    do throws(ConfigurationError) {
      configuration = try ServerConfiguration(
        arguments: options.settings, environment: environment,
        processorCount: ProcessInfo.processInfo.activeProcessorCount,
        memoryBytes: Int(clamping: ProcessInfo.processInfo.physicalMemory))
    } catch {
      complain("the settings cannot stand:\n\(error)")
      return ServeCommand.Exit.cannotStart
    }
    if let refusal = CrashPoint.refusal(environment: environment) {
      complain(refusal)
      return ServeCommand.Exit.cannotStart
    }
    do {
      let folder = try DataFolder(configuration.dataFolder)
      let opened = try await Backends.openCatalog(
        configuration, folder: folder, clock: SystemMonotonicClock())
      let exit =
        options.isAdoption
        ? try await adopt(opened, options, configuration, folder, confirm)
        : try await status(opened)
      await opened.close()
      return exit
    } catch {
      complain(StartFailure.text(of: error, configuration))
      return ServeCommand.Exit.cannotStart
    }
  }

  private static func parse(_ arguments: [String]) -> Options? {
    var options = Options()
    switch arguments.first {
    case "status": break
    case "adopt": options.isAdoption = true
    default: return nil
    }
    for argument in arguments.dropFirst() {
      switch argument {
      case "--yes": options.isConfirmed = true
      case "--force": options.isForced = true
      case "--skip-integrity": options.checksIntegrity = false
      default: options.settings.append(argument)
      }
    }
    return options
  }

  private static func status(_ opened: OpenCatalog) async throws(IncarnationError) -> Int32 {
    let found = try await opened.incarnation.find()
    let state = found.state
    write("lake        \(state.identity.lake)")
    write("generation  \(state.identity.generation)")
    write("snapshot    \(state.mark.snapshot.rawValue)")
    write("served      \(served(found.record))")
    write("state       \(text(of: found.verdict))")
    return found.verdict == .same || found.verdict == .first ? ServeCommand.Exit.ok : 1
  }

  private static func served(_ record: LakeRecord?) -> String {
    guard let record else { return "nothing, says the object store" }
    let mark = record.mark.map { ", up to snapshot \($0.snapshot.rawValue) at least" } ?? ""
    return "generation \(record.generation)\(mark)"
  }

  private static func text(of verdict: IncarnationVerdict) -> String {
    switch verdict {
    case .first, .same: "this is the lake's catalog"
    default: StartFailure.text(of: verdict)
    }
  }

  private static func adopt(
    _ opened: OpenCatalog, _ options: Options, _ configuration: ServerConfiguration,
    _ folder: DataFolder, _ confirm: () -> Bool
  ) async throws -> Int32 {
    let missing = try await opened.missingFiles()
    if missing > 0, !options.isForced {
      complain(
        "\(missing) of the files that the catalog names are not in the object store: see"
          + " DUCKMESH_OBJECT_STORE. Nothing was changed; --force adopts the catalog all the same")
      return ServeCommand.Exit.cannotStart
    }
    guard options.isConfirmed || confirm() else {
      complain("nothing was changed")
      return 2
    }
    switch try await opened.incarnation.adopt(isForced: options.isForced) {
    case .finished(let identity):
      write("an earlier adoption was finished: generation \(identity.generation)")
    case .adopted(let adoption):
      write("generation  \(adoption.identity.generation)")
      write("restored    snapshot \(adoption.restored.rawValue)")
      write("goes on at  snapshot \(adoption.opened.rawValue)")
      write("tenants     \(adoption.tenants)")
      write("pending     \(adoption.pending) events, which keep their tokens")
    }
    guard options.checksIntegrity else { return ServeCommand.Exit.ok }
    return try await checkIntegrity(opened, configuration, folder)
  }

  private static func checkIntegrity(
    _ opened: OpenCatalog, _ configuration: ServerConfiguration, _ folder: DataFolder
  ) async throws -> Int32 {
    let logger = try Logger.start(service: "duckmesh", minimumLevel: configuration.logLevel)
    defer { _ = logger.flush() }
    let maintenance = MaintenanceService(
      catalog: opened.catalog, store: opened.store,
      engine: try MaterializerPool(
        options: MaterializerPool.Options(temporaryFolder: folder.path + "/engine")),
      limits: configuration.limits.maintenance, clock: SystemMonotonicClock(),
      wall: SystemWallClock(), metrics: DuckMeshMetrics(registry: MetricRegistry()),
      logger: logger)
    let report = try await maintenance.checkIntegrity(tenants: nil)
    guard report.isClean else {
      complain(
        "the catalog is adopted, and the integrity check failed: \(report.missingFiles) files"
          + " missing, \(report.sizeMismatchFiles) of another size, \(report.rowMismatchTables)"
          + " tables with other rows; \(report.violations.joined(separator: "; "))")
      return ServeCommand.Exit.failed
    }
    write("integrity   clean, \(report.filesChecked) files read")
    return ServeCommand.Exit.ok
  }

  /// Asks on the terminal; nobody to ask is a no.
  private static func askOperator() -> Bool {
    complain(
      "what was acknowledged after this copy of the catalog was made is given up. Type yes:")
    return readLine() == "yes"
  }

  private static func write(_ text: String) {
    FileHandle.standardOutput.write(Data("\(text)\n".utf8))
  }

  private static func complain(_ text: String) {
    FileHandle.standardError.write(Data("duckmesh: \(text)\n".utf8))
  }
}
