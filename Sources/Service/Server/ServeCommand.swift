import Configuration
import Foundation
import Glibc
import Observability
import Runtime

/// `duckmesh serve`: from the environment to a running server and its orderly end.
package enum ServeCommand {
  /// How the process ends.
  package enum Exit {
    package static let ok: Int32 = 0
    package static let failed: Int32 = 1
    /// The server could not start: a setting, the port or the data folder.
    package static let cannotStart: Int32 = 3
  }

  /// Serves until a signal or a failure.
  ///
  /// - Parameter shutdown: requested by the signals; installed before any thread starts.
  package static func run(
    arguments: [String], environment: [String: String], shutdown: Shutdown
  ) async -> Int32 {
    let configuration: ServerConfiguration
    do throws(ConfigurationError) {
      configuration = try ServerConfiguration(
        arguments: arguments, environment: environment,
        processorCount: ProcessInfo.processInfo.activeProcessorCount,
        memoryBytes: Int(clamping: ProcessInfo.processInfo.physicalMemory))
    } catch {
      return complain("the settings cannot stand:\n\(error)")
    }
    if let refusal = CrashPoint.refusal(environment: environment) { return complain(refusal) }
    do {
      return try await serve(configuration, shutdown: shutdown)
    } catch {
      return complain(StartFailure.text(of: error, configuration))
    }
  }

  private static func serve(
    _ configuration: ServerConfiguration, shutdown: Shutdown
  ) async throws -> Int32 {
    let logger = try Logger.start(service: "duckmesh", minimumLevel: configuration.logLevel)
    defer { _ = logger.flush() }
    for name in configuration.unknownVariables {
      logger.warning(
        "setting not known", errorCode: "UNKNOWN_SETTING", [.settingName: LogValue(name)])
    }
    let folder = try DataFolder(configuration.dataFolder)
    let composition = try await Composition(
      configuration: configuration, folder: folder, executable: executablePath(), logger: logger)
    let group = ServiceGroup(
      services: composition.services,
      gracePeriod: .milliseconds(
        configuration.limits.server.drainDelayMs + configuration.limits.server.shutdownGraceMs),
      observer: { event in log(event, logger) })
    do {
      try await group.run(until: shutdown)
    } catch {
      if case .startFailed(_, let cause) = error.cause { throw cause }
      logger.error(
        "the server ended with a failure", errorCode: "SERVER_FAILED",
        [.detail: LogValue("\(error)")])
      return Exit.failed
    }
    logger.info("stopped")
    return Exit.ok
  }

  private static func log(_ event: ServiceGroupEvent, _ logger: Logger) {
    switch event {
    case .starting(let name): logger.debug("service starting", [.serviceName: LogValue(name)])
    case .running(let name): logger.info("service running", [.serviceName: LogValue(name)])
    case .stopping(let reason): logger.info("stopping", [.reason: LogValue("\(reason)")])
    case .stopped(let name): logger.info("service stopped", [.serviceName: LogValue(name)])
    case .failed(let name, let error):
      logger.error(
        "service failed", errorCode: "SERVICE_FAILED",
        [.serviceName: LogValue(name), .detail: LogValue("\(error)")])
    case .cancelling(let names), .stuck(let names):
      logger.warning(
        "services cancelled", errorCode: "SHUTDOWN_CANCELLED",
        [.serviceName: LogValue(names.joined(separator: ","))])
    }
  }

  private static func executablePath() -> String {
    guard let path = realpath("/proc/self/exe", nil) else { return CommandLine.arguments[0] }
    defer { free(path) }
    return String(cString: path)
  }

  private static func complain(_ text: String) -> Int32 {
    FileHandle.standardError.write(Data("duckmesh: \(text)\n".utf8))
    return Exit.cannotStart
  }
}
