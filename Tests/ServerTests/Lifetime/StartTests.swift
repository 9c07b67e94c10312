import Glibc
import Testing

/// How the program refuses to start: at once, with exit code 3, naming what to change.
@Suite struct StartTests {
  private static func refusal(
    _ settings: [String: String], folder: TemporaryFolder
  ) async throws -> (ending: ChildProcess.Ending, log: String) {
    let child = try await ServerProcess.spawn(
      settings, dataFolder: folder.path + "/data", log: folder.path + "/log")
    let ending = await child.end()
    if ending == .stillRunning { child.send(SIGKILL) }
    return (ending, folder.read("log"))
  }

  @Test(arguments: [
    ("DUCKMESH_HTTP_ADDR", "nonsense"), ("DUCKMESH_HTTP_ADDR", "127.0.0.1:99999"),
    ("DUCKMESH_MAX_BODY_BYTES", "12 parsecs"), ("DUCKMESH_MAX_BODY_BYTES", "1"),
    ("DUCKMESH_ROW_LIMIT", "-5"), ("DUCKMESH_ROW_LIMIT", "5000000"),
    ("DUCKMESH_MAX_WAITING_QUERIES_PER_TENANT", "0"),
    ("DUCKMESH_BUS", "kafka"), ("DUCKMESH_CATALOG_DSN", "mysql://x"),
    ("DUCKMESH_ROLES", "api"), ("DUCKMESH_BUS", "postgres"),
    ("DUCKMESH_SANDBOX", "maybe"), ("DUCKMESH_STATIC_KEYS", "key-without-tenant"),
    ("DUCKMESH_STATIC_KEYS", "k:acme:emperor"), ("DUCKMESH_STATIC_KEYS", "k:Main:query_reader"),
    ("DUCKMESH_HEARTBEAT_MS", "2900"), ("DUCKMESH_DELETION_GRACE_SECONDS", "5"),
    ("DUCKMESH_DATA_DIR", "/proc/nowhere"), ("DUCKMESH_LOG_LEVEL", "loud"),
  ])
  func aBadSettingIsNamed(_ name: String, _ value: String) async throws {
    let folder = try TemporaryFolder()
    let (ending, log) = try await Self.refusal([name: value], folder: folder)
    #expect(ending == .exited(3), "\(log)")
    #expect(log.contains(name), "\(log)")
    // Keys are secrets, also wrong ones.
    #expect(!log.contains("key-without-tenant") && !log.contains("k:acme"), "\(log)")
  }

  @Test func allBadSettingsAreToldAtOnce() async throws {
    let (ending, log) = try await Self.refusal(
      ["DUCKMESH_ROW_LIMIT": "x", "DUCKMESH_PAGE_SIZE": "0"], folder: try TemporaryFolder())
    #expect(ending == .exited(3))
    #expect(log.contains("DUCKMESH_ROW_LIMIT") && log.contains("DUCKMESH_PAGE_SIZE"), "\(log)")
  }

  @Test(arguments: ["0.0.0.0:0", "[::]:0"])
  func withoutAuthenticationOnlyLoopbackIsServed(_ address: String) async throws {
    let (ending, log) = try await Self.refusal(
      ["DUCKMESH_HTTP_ADDR": address], folder: try TemporaryFolder())
    #expect(ending == .exited(3), "\(log)")
    #expect(
      log.contains("DUCKMESH_STATIC_KEYS") || log.contains("DUCKMESH_AUTH_REQUIRED"), "\(log)")
    let (turnedOff, text) = try await Self.refusal(
      ["DUCKMESH_HTTP_ADDR": address, "DUCKMESH_AUTH_REQUIRED": "false"],
      folder: try TemporaryFolder())
    #expect(turnedOff == .exited(3), "\(text)")
    #expect(text.contains("DUCKMESH_AUTH_REQUIRED"), "\(text)")
  }

  @Test func theFolderAndThePortBelongToOneServer() async throws {
    try await ServerProcess.with { server in
      try await server.client().createTable("t", "id BIGINT").expect(201)
      let second = try await ServerProcess.spawn(
        [:], dataFolder: server.dataFolder, log: server.folder.path + "/second.log")
      #expect(await second.end() == .exited(3))
      let held = server.folder.read("second.log")
      #expect(
        held.contains("process \(server.pid)") && held.contains("DUCKMESH_DATA_DIR"), "\(held)")
      let (ending, log) = try await Self.refusal(
        ["DUCKMESH_HTTP_ADDR": "127.0.0.1:\(server.port)"], folder: try TemporaryFolder())
      #expect(ending == .exited(3))
      #expect(log.contains("DUCKMESH_HTTP_ADDR"), "\(log)")
      // Neither has disturbed the first.
      try await server.client().ingestVisibly("t", key: "k", #"{"id": 1}"#).expect(200)
      #expect(try await server.client().rows("FROM t") == "[[1]]")
    }
  }
}
