import Foundation
import Glibc
import PostgreSQL
import Runtime
import TestSupport

/// Real processes with a role each over a real PostgreSQL of their own and one folder of files.
final class TortureCluster: Sendable {
  struct DidNotStart: Error { let name: String }

  let folder: TemporaryFolder
  let postgreSQL: PostgreSQLCluster
  let database: PostgreSQLDatabase
  /// A way to PostgreSQL that no fault touches.
  let outside: PostgreSQLPool
  let processes: [TortureProcess]
  let http: HTTPClientBox
  /// How often the object store has been away, and whether it is now.
  let storeAbsences = Guarded(StoreAbsences())

  struct StoreAbsences: Equatable, Sendable {
    var count = 0
    var isAway = false
  }

  /// Two processes take writes, two write the lake, one maintains it and two answer queries, one
  /// of which also takes writes.
  private static let parts = [
    ("api-1", "api"), ("api-2", "api,query"), ("coordinator-1", "coordinator"),
    ("coordinator-2", "coordinator"), ("maintenance", "maintenance"), ("query", "query"),
  ]

  static let leaseMs = 1_500
  /// How long every snapshot is kept; later ones are thinned out.
  static let retentionMs = 60_000

  private static let settings = [
    "DUCKMESH_LEASE_MS": "\(leaseMs)", "DUCKMESH_HEARTBEAT_MS": "400",
    "DUCKMESH_FLUSH_INTERVAL_MS": "50", "DUCKMESH_MAX_AGE_MS": "500",
    "DUCKMESH_COMPACTION_FAN_IN": "3", "DUCKMESH_COMPACTION_INTERVAL_MS": "100",
    "DUCKMESH_RETENTION_INTERVAL_SECONDS": "2",
    "DUCKMESH_RETENTION_ALL_SECONDS": "\(retentionMs / 1_000)",
    "DUCKMESH_RETENTION_MINUTELY_SECONDS": "120", "DUCKMESH_RETENTION_HOURLY_SECONDS": "180",
    "DUCKMESH_MAX_QUERY_TIMEOUT_MS": "10000", "DUCKMESH_QUERY_TIMEOUT_MS": "10000",
    "DUCKMESH_QUERY_KILL_GRACE_MS": "1000", "DUCKMESH_DELETION_GRACE_SECONDS": "12",
    "DUCKMESH_CONSISTENCY_TIMEOUT_MS": "5000", "DUCKMESH_VISIBILITY_TIMEOUT_MS": "5000",
    "DUCKMESH_CATALOG_CONNECTIONS": "8", "DUCKMESH_WORKER_SPARES": "0",
    "DUCKMESH_MAX_WORKERS": "3", "DUCKMESH_WORKER_MEMORY_BYTES": "268435456",
  ]

  /// Runs the body with a cluster that has not started yet; afterwards all of it is gone.
  static func with<Value: Sendable>(
    _ body: (TortureCluster) async throws -> Value
  ) async throws -> Value {
    try await Deployment.place.acquire(until: .distantFuture, on: SystemMonotonicClock())
    defer { Deployment.place.release() }
    let cluster = try await TortureCluster()
    do {
      let value = try await body(cluster)
      await cluster.remove()
      return value
    } catch {
      await cluster.remove()
      throw error
    }
  }

  private init() async throws {
    folder = try TemporaryFolder()
    // The file of PostgreSQL's own errors is read at the end.
    postgreSQL = try await PostgreSQLCluster(settings: [
      "log_min_messages = error", "log_min_error_statement = error",
      "log_line_prefix = '%m [%p] %e %u '", "deadlock_timeout = '200ms'",
    ])
    database = try await postgreSQL.makeDatabase()
    outside = try PostgreSQLPool(
      options: PostgreSQLPoolOptions(
        connection: database.connection, applicationName: "torture", size: 3))
    http = try HTTPClientBox()
    // The processes need no more rights than to a schema of their own.
    for statement in [
      "CREATE ROLE lake", "GRANT ALL ON SCHEMA public TO lake",
      "GRANT ALL ON DATABASE \(database.name) TO lake",
    ] {
      _ = try await outside.call(statement)
    }
    var processes: [TortureProcess] = []
    for (name, roles) in Self.parts {
      let user = "p_" + name.replacing("-", with: "_")
      _ = try await outside.call(
        "CREATE ROLE \(user) LOGIN IN ROLE lake PASSWORD '\(PostgreSQLCluster.password)'")
      _ = try await outside.call("ALTER ROLE \(user) SET ROLE = lake")
      let proxy = try FaultProxy(serverPort: postgreSQL.port)
      let password = PostgreSQLCluster.password.replacing(" ", with: "%20")
      let location = "postgresql://\(user):\(password)@127.0.0.1:\(proxy.port)/\(database.name)"
      let more = [
        "DUCKMESH_ROLES": roles, "DUCKMESH_CATALOG_DSN": location,
        "DUCKMESH_OBJECT_STORE": "file://" + folder.path + "/store",
      ]
      processes.append(
        try TortureProcess(
          .init(
            name: name, roles: roles, user: user, folder: folder.path + "/" + name,
            settings: Self.settings.merging(more) { _, given in given }), proxy: proxy))
    }
    self.processes = processes
    try FileManager.default.createDirectory(
      atPath: storePath, withIntermediateDirectories: true)
  }

  var storePath: String { folder.path + "/store" }

  func processes(with role: String) -> [TortureProcess] { processes.filter { $0.has(role) } }

  /// Starts everything; the processes migrate the empty catalog all at once.
  func start() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for process in processes {
        group.addTask {
          try await process.spawn()
          guard try await process.listens(withinSeconds: 120) else {
            throw DidNotStart(name: process.name)
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// Makes every process run and everything they need be there, after faults have ended.
  func heal() async throws {
    for process in processes {
      process.signal(SIGCONT)
      process.proxy.release()
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for process in processes {
        group.addTask {
          if process.isRunning, try await process.listens(withinSeconds: 30) { return }
          await process.kill9()
          guard try await process.startUntilItListens(withinSeconds: 180) else {
            throw DidNotStart(name: process.name)
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// Stops all processes in order.
  ///
  /// - Returns: those that did not end as they should.
  func stop() async -> [String] {
    for process in processes { process.signal(SIGTERM) }
    var faults: [String] = []
    for process in processes {
      let ending = await process.ended(withinSeconds: 120)
      if ending != .exited(0) { faults.append("\(process.name) \(ending)") }
      await process.kill9()
    }
    return faults
  }

  /// Ends everything at once, in whatever state it is.
  private func remove() async {
    for process in processes { await process.kill9() }
    for process in processes { process.proxy.close() }
    await outside.close()
    try? await postgreSQL.remove()
  }

  /// PostgreSQL's own log.
  var postgreSQLLog: String {
    (try? Data(contentsOf: URL(fileURLWithPath: postgreSQL.folder + "/log")))
      .map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  /// Copies the logs of all processes to where they outlive the run.
  func keepLogs(in place: String) async throws {
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    for process in processes {
      let target = "\(place)/\(process.name).log"
      try? FileManager.default.removeItem(atPath: target)
      try? FileManager.default.copyItem(atPath: process.logPath, toPath: target)
    }
    try? Data(postgreSQLLog.utf8).write(to: URL(fileURLWithPath: place + "/postgresql.log"))
    // The catalog says which tokens a record has, where the logs only tell of requests.
    let dump = postgreSQL.folder + "/catalog.sql"
    try? await postgreSQL.run(
      "pg_dump",
      [
        "-h", postgreSQL.folder, "-p", "\(postgreSQL.port)", "-U", PostgreSQLCluster.user,
        "-f", dump, database.name,
      ])
    try? FileManager.default.removeItem(atPath: place + "/catalog.sql")
    try? FileManager.default.copyItem(atPath: dump, toPath: place + "/catalog.sql")
  }
}
