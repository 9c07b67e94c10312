import Foundation
import Glibc
import Runtime
import TestSupport
import Testing

/// Server processes of any roles over one database of PostgreSQL and one folder of files.
final class Deployment: Sendable {
  let database: PostgreSQLDatabase
  let files: TemporaryFolder
  private let settings: [String: String]
  private let processes = Lock<[ServerProcess]>([])

  private init(settings: [String: String]) async throws {
    database = try await PostgreSQLCluster.shared().makeDatabase()
    files = try TemporaryFolder()
    self.settings = [
      "DUCKMESH_CATALOG_DSN": database.uri, "DUCKMESH_OBJECT_STORE": "file://\(files.path)/store",
    ].merging(settings) { _, given in given }
    // Query workers run as another user, who has to get there.
    chmod(files.path, 0o755)
  }

  /// Several processes each: one deployment at a time.
  static let place = AsyncSemaphore(permits: 1, maximumWaiters: 1_000)

  /// Runs the body; afterwards every process that still runs has stopped in order.
  static func with<Value: Sendable>(
    _ settings: [String: String] = [:], _ body: (Deployment) async throws -> Value
  ) async throws -> Value {
    try await place.acquire(until: .distantFuture, on: SystemMonotonicClock())
    defer { place.release() }
    let deployment = try await Deployment(settings: settings)
    do {
      let value = try await body(deployment)
      for process in deployment.running.reversed() {
        #expect(await process.stop() == .exited(0), "\(process.log.suffix(2_000))")
      }
      return value
    } catch {
      for process in deployment.running { await process.kill9() }
      throw error
    }
  }

  private var running: [ServerProcess] {
    processes.withLock { $0.filter(\.isStarted) }
  }

  /// A process that has not been started.
  func process(
    _ roles: String, _ more: [String: String] = [:]
  ) throws -> ServerProcess {
    let own = settings.merging(["DUCKMESH_ROLES": roles]) { _, given in given }
    let process = try ServerProcess(settings: own.merging(more) { _, given in given })
    processes.withLock { $0.append(process) }
    return process
  }

  /// A process that serves.
  func start(
    _ roles: String, _ more: [String: String] = [:]
  ) async throws -> ServerProcess {
    let process = try process(roles, more)
    try await process.start()
    return process
  }
}

extension ServerProcess {
  /// How many snapshots of events it has published in all its lives.
  var publishedSnapshots: Int {
    log.components(separatedBy: #""message":"snapshot published""#).count - 1
  }

  /// Whether the process is stopped, as by SIGSTOP.
  var isStopped: Bool {
    get throws {
      let fields = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
      // After the name, which stands in brackets and may hold anything.
      return fields.split(separator: ")").last?.split(separator: " ").first == "T"
    }
  }
}
