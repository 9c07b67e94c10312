import Foundation
import Glibc
import HTTPClient
import Runtime
import Testing

/// The real server on a data folder of its own, listening on a free port of the loopback interface.
///
/// The folder outlives the process: `kill9` or `stop`, then `start` serves the same data again,
/// at another address.
final class ServerProcess: Sendable {
  struct DidNotStart: Error, CustomStringConvertible {
    let ending: ChildProcess.Ending
    let log: String
    var description: String { "\(ending): \(log.suffix(2_000))" }
  }

  private struct Life {
    let child: ChildProcess
    let address: String
  }

  let folder: TemporaryFolder
  let settings: [String: String]
  /// A program with its arguments that starts the server, in its own process, somewhere special.
  private let launcher: [String]
  private let life = Lock<Life?>(nil)
  let http: HTTPClient

  /// Makes its folder; `with` and `Deployment` start it.
  init(settings: [String: String], launcher: [String] = []) throws {
    folder = try TemporaryFolder()
    self.settings = settings
    self.launcher = launcher
    var options = HTTPClient.Settings()
    options.maximumConnections = 64
    http = try HTTPClient(options)
  }

  /// Each server is some processes: all tests at once would measure the machine.
  static let places = AsyncSemaphore(permits: 2, maximumWaiters: 1_000)

  /// Runs the body with a started server; afterwards the server has stopped in order.
  ///
  /// Not to be nested: the number of servers that run at once is bounded.
  static func with<Value: Sendable>(
    _ settings: [String: String] = [:], launcher: [String] = [],
    _ body: (ServerProcess) async throws -> Value
  ) async throws -> Value {
    try await places.acquire(until: .distantFuture, on: SystemMonotonicClock())
    defer { places.release() }
    let server = try ServerProcess(settings: settings, launcher: launcher)
    do {
      try await server.start()
      let value = try await body(server)
      if server.isStarted {
        #expect(await server.stop() == .exited(0), "\(server.log.suffix(2_000))")
      }
      return value
    } catch {
      if server.isStarted { await server.kill9() }
      throw error
    }
  }

  /// A program of the package; it lies beside the test bundle.
  static func program(_ name: String) throws -> String {
    let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let path = (bundle as NSString).deletingLastPathComponent + "/" + name
    try #require(
      FileManager.default.isExecutableFile(atPath: path), "\(name) is not built beside the tests")
    return path
  }

  /// Starts `duckmesh serve` without waiting until it serves.
  static func spawn(
    _ settings: [String: String], dataFolder: String, log: String, launcher: [String] = []
  ) async throws -> ChildProcess {
    var environment = [
      "DUCKMESH_DATA_DIR": dataFolder, "DUCKMESH_HTTP_ADDR": "127.0.0.1:0",
      // A busy machine may take its time; that a wait ends is tested where a test sets its length.
      "DUCKMESH_VISIBILITY_TIMEOUT_MS": "60000", "DUCKMESH_CONSISTENCY_TIMEOUT_MS": "60000",
      "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
      "TMPDIR": (dataFolder as NSString).deletingLastPathComponent,
    ]
    environment.merge(settings) { _, given in given }
    let command = launcher + [try program("duckmesh"), "serve"]
    return try await ChildProcess(
      command[0], Array(command.dropFirst()), environment: environment, output: log)
  }

  var dataFolder: String { folder.path + "/data" }
  var logPath: String { folder.path + "/server.log" }
  /// All lines of all lives of the server.
  var log: String { folder.read("server.log") }
  var isStarted: Bool { life.withLock { $0 != nil } }
  var pid: pid_t { child.pid }
  /// Such as `http://127.0.0.1:40123`.
  var address: String { life.withLock { $0?.address } ?? "http://not-started.invalid" }
  var port: Int { Int(address.split(separator: ":").last ?? "") ?? 0 }

  private var child: ChildProcess {
    guard let child = life.withLock({ $0?.child }) else {
      preconditionFailure("the test uses a server that it has not started")
    }
    return child
  }

  /// Starts the server on its folder and waits until it serves.
  func start(_ more: [String: String] = [:]) async throws {
    // A killed server leaves its own.
    unlink(dataFolder + "/address")
    let child = try await Self.spawn(
      settings.merging(more) { _, given in given }, dataFolder: dataFolder, log: logPath,
      launcher: launcher)
    // A launcher may have hidden the folder from everybody but the server.
    let addressFile =
      (launcher.isEmpty ? "" : "/proc/\(child.pid)/root") + dataFolder + "/address"
    let clock = SystemMonotonicClock()
    let deadline = clock.now.advanced(byMs: 60_000)
    while clock.now < deadline {
      if let data = FileManager.default.contents(atPath: addressFile) {
        let address = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
        life.withLock { $0 = Life(child: child, address: address) }
        return
      }
      guard child.isRunning else { break }
      try await clock.sleep(until: clock.now.advanced(byMs: 5))
    }
    child.send(SIGKILL)
    throw DidNotStart(ending: await child.end(), log: log)
  }

  /// One life that ends by itself, perhaps before the server listens.
  func startToEnd(_ more: [String: String]) async throws -> ChildProcess.Ending {
    let child = try await Self.spawn(
      settings.merging(more) { _, given in given }, dataFolder: dataFolder, log: logPath,
      launcher: launcher)
    let ending = await child.end()
    if ending == .stillRunning {
      child.send(SIGKILL)
      _ = await child.end()
    }
    return ending
  }

  /// Ends the server in order by SIGTERM; kills it when that takes a minute.
  @discardableResult
  func stop() async -> ChildProcess.Ending {
    child.send(SIGTERM)
    return await ended()
  }

  /// How the server ended after a signal that the test sent itself.
  func ended() async -> ChildProcess.Ending {
    let child = child
    let ending = await child.end()
    if ending == .stillRunning {
      child.send(SIGKILL)
      _ = await child.end()
    }
    life.withLock { $0 = nil }
    return ending
  }

  /// Ends the server without any warning.
  func kill9() async {
    child.send(SIGKILL)
    _ = await ended()
  }

  func signal(_ signal: Int32) { child.send(signal) }

  /// Stops the server in order and starts it again on the same folder.
  func restart(_ more: [String: String] = [:]) async throws {
    #expect(await stop() == .exited(0))
    try await start(more)
  }

  /// A client of a tenant; nil leaves the header out.
  func client(tenant: String? = nil, key: String? = nil) -> APIClient {
    APIClient(server: self, tenant: tenant, key: key)
  }

  /// A client of a tenant that no other test uses.
  func newTenant() -> APIClient {
    client(tenant: "t-" + UUID().uuidString.lowercased())
  }
}
