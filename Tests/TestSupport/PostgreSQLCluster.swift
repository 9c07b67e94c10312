import Foundation
import Runtime

/// A throw-away PostgreSQL server with a folder, a socket and a loopback port of its own.
///
/// It ends with this process, however that ends: a small shell beside it reads from a pipe whose
/// other end is held here alone, and on its end stops the server and removes the folder. The server
/// has settings that nothing of ours may depend on: language, time zone, date style, isolation.
package final class PostgreSQLCluster: Sendable {
  package enum StopMode: String, Sendable {
    /// Ends sessions and shuts down with a checkpoint.
    case fast
    /// As a crash: the next start recovers from the log.
    case immediate
  }

  package struct SetUpFailure: Error {
    package let reason: String
  }

  package let port: Int
  package let folder: String
  private let programs: String
  /// The end that keeps the watching shell waiting.
  private let lifeline: Int32
  private let watcher: pid_t
  private let isEnded = Lock(false)

  /// The server that all tests of this process share, started by the first that asks.
  package static func shared() async throws -> PostgreSQLCluster {
    try await SharedCluster.instance.cluster()
  }

  /// Makes a cluster and starts its server.
  ///
  /// - Parameter settings: lines of `postgresql.conf` beyond those that every cluster has.
  package init(settings: [String] = []) async throws {
    programs = try Self.programFolder()
    folder = try Self.makeFolder()
    port = try Self.freePort()
    var ends: [Int32] = [-1, -1]
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
      throw SetUpFailure(reason: "no descriptors")
    }
    lifeline = ends[0]
    defer { close(ends[1]) }
    // The folder's own entry is this user's to remove, the server the other's to stop.
    let script = "read -r word; folder=$1; shift; \"$@\" >/dev/null 2>&1; rm -rf \"$folder\""
    let stopping = ["\(programs)/pg_ctl", "-D", "\(folder)/data", "stop", "-m", "immediate"]
    watcher = try ChildProgram.start(
      ["/bin/sh", "-c", script, "sh", folder] + Self.unprivileged(stopping), input: ends[1])
    try await makeData(settings)
    try await start()
  }

  deinit { endLifeline() }

  // MARK: Life

  package func start() async throws {
    let arguments = ["-D", "\(folder)/data", "-l", "\(folder)/log", "-w", "-t", "60", "start"]
    do {
      try await run("pg_ctl", arguments)
    } catch {
      let log = try? String(contentsOfFile: "\(folder)/log", encoding: .utf8)
      throw SetUpFailure(reason: "the server does not start: \(log?.suffix(2_000) ?? "")")
    }
  }

  package func stop(_ mode: StopMode) async throws {
    try await run("pg_ctl", ["-D", "\(folder)/data", "-w", "-m", mode.rawValue, "stop"])
  }

  package func restart(_ mode: StopMode) async throws {
    try await stop(mode)
    try await start()
  }

  /// Runs a shell command in the folder as the user that owns it, to change its files.
  package func change(_ command: String) async throws {
    try await ChildProgram.run(
      Self.unprivileged(["/bin/sh", "-c", "cd \"$1\" && \(command)", "sh", folder]),
      outputPath: "\(folder)/output")
  }

  /// Stops the server as its process's end would, and returns when all of it is gone.
  package func remove() async throws {
    endLifeline()
    let watcher = watcher
    let gone = OneShot<Void>()
    _ = try DedicatedThread(name: "cluster-end", stackSizeBytes: 1 << 18) {
      _ = ChildProgram.waitForEnd(of: watcher)
      gone.decide(())
    }
    await gone.value()
  }

  private func endLifeline() {
    let isFirst = isEnded.withLock { isEnded in
      defer { isEnded = true }
      return !isEnded
    }
    if isFirst { close(lifeline) }
  }

  // MARK: Databases

  /// Makes a database.
  ///
  /// - Parameter template: a database to copy, to which nobody is connected; an empty one is made
  ///   without.
  package func makeDatabase(
    encoding: String = "UTF8", template: PostgreSQLDatabase? = nil
  ) async throws -> PostgreSQLDatabase {
    let name = "test_" + UUID().uuidString.lowercased().filter { $0 != "-" }
    try await run(
      "psql",
      [
        "-X", "-q", "-h", folder, "-p", "\(port)", "-U", Self.user, "-d", "postgres", "-c",
        "SET default_transaction_read_only = off", "-c",
        "CREATE DATABASE \(name) TEMPLATE \(template?.name ?? "template0")"
          + " ENCODING '\(encoding)'",
      ])
    return PostgreSQLDatabase(cluster: self, name: name)
  }

  package static let user = "tester"
  package static let password = "the right password"

  // MARK: Making

  /// Runs one of PostgreSQL's programs to its end, as the user that owns the folder.
  package func run(_ program: String, _ arguments: [String]) async throws {
    try await ChildProgram.run(
      Self.unprivileged(["\(programs)/\(program)"] + arguments), outputPath: "\(folder)/output")
  }

  private func makeData(_ settings: [String]) async throws {
    let passwordFile = "\(folder)/password"
    try Self.password.write(toFile: passwordFile, atomically: false, encoding: .utf8)
    try await run(
      "initdb",
      [
        "-D", "\(folder)/data", "-U", Self.user, "--pwfile", passwordFile, "--auth-local=trust",
        "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync",
      ])
    let lines = Self.commonSettings + ["port = \(port)", "unix_socket_directories = '\(folder)'"]
    try (lines + settings).map { $0 + "\n" }.joined()
      .write(toFile: "\(folder)/settings", atomically: false, encoding: .utf8)
    try await change("cat settings >> data/postgresql.conf")
  }

  private static let commonSettings = [
    "listen_addresses = '127.0.0.1'", "max_connections = 1000", "shared_buffers = '16MB'",
    "max_wal_size = '256MB'", "logging_collector = off", "unix_socket_permissions = 0777",
    "log_min_messages = fatal", "autovacuum_naptime = '60s'",
    "default_transaction_isolation = 'serializable'", "timezone = 'Asia/Kathmandu'",
    "datestyle = 'sql, dmy'", "intervalstyle = 'sql_standard'", "bytea_output = 'escape'",
    "default_transaction_read_only = on", "synchronous_commit = off", "lc_messages = 'C'",
    "client_min_messages = 'debug1'", "extra_float_digits = 0",
  ]

  /// Where Debian keeps the newest version's programs, or the folder that `PATH` knows.
  private static func programFolder() throws -> String {
    let root = "/usr/lib/postgresql"
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    let newest = versions.compactMap(Int.init).max()
    let paths = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    let folders = (newest.map { ["\(root)/\($0)/bin"] } ?? []) + paths.map(String.init)
    for folder in folders where access("\(folder)/initdb", X_OK) == 0 { return folder }
    throw SetUpFailure(reason: "PostgreSQL is not installed: make test installs it")
  }

  /// A folder that the server's user owns; its socket's path must be short.
  private static func makeFolder() throws -> String {
    let temporary = FileManager.default.temporaryDirectory.path
    let parent = temporary.utf8.count > 60 ? "/tmp" : temporary
    var template = Array("\(parent)/pg-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SetUpFailure(reason: "no temporary folder") }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    if let account { chown(folder, account.user, account.group) }
    chmod(folder, 0o755)
    return folder
  }

  /// A port below those that the system itself gives out, so that a restart finds it free again.
  private static func freePort() throws -> Int {
    for _ in 0..<100 {
      let port = Int.random(in: 20_000..<32_000)
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(descriptor) }
      var address = LoopbackAddress.make(port: port)
      let isFree = LoopbackAddress.withPointer(to: &address) { bind(descriptor, $0, $1) == 0 }
      if isFree { return port }
    }
    throw SetUpFailure(reason: "no free port")
  }

  // MARK: The server's user

  /// PostgreSQL's server refuses to run as root.
  private static let account: (name: String, user: uid_t, group: gid_t)? = {
    guard geteuid() == 0 else { return nil }
    for name in ["postgres", "nobody"] {
      if let entry = getpwnam(name) { return (name, entry.pointee.pw_uid, entry.pointee.pw_gid) }
    }
    return nil
  }()

  private static func unprivileged(_ arguments: [String]) -> [String] {
    guard let account else { return arguments }
    let options = ["--reuid", "\(account.user)", "--regid", "\(account.group)", "--clear-groups"]
    return ["setpriv"] + options + arguments
  }
}

/// Starts the shared cluster once.
private actor SharedCluster {
  static let instance = SharedCluster()
  private var starting: Task<PostgreSQLCluster, any Error>?

  func cluster() async throws -> PostgreSQLCluster {
    if let starting { return try await starting.value }
    let task = Task { try await PostgreSQLCluster() }
    starting = task
    return try await task.value
  }
}
