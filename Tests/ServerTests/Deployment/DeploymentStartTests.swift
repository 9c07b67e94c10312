import Foundation
import Glibc
import TestSupport
import Testing

/// How processes over PostgreSQL start, refuse to start, and stop.
@Suite struct DeploymentStartTests {
  @Test func theCatalogIsMigratedByCommandWhereServersMayNot() async throws {
    try await Deployment.with(["DUCKMESH_CATALOG_MIGRATE": "off"]) { deployment in
      let process = try deployment.process("api,query,coordinator,maintenance")
      #expect(try await process.startToEnd([:]) == .exited(3))
      #expect(process.log.contains("duckmesh migrate up"), "\(process.log)")

      let output = TemporaryOutput()
      #expect(try await output.migrate(["status"], deployment) == .exited(0))
      #expect(output.take().contains("1 initial pending"))
      #expect(try await output.migrate(["up"], deployment) == .exited(0))
      #expect(output.take().contains("1 initial applied"))
      // A second time there is nothing to do.
      #expect(try await output.migrate(["up"], deployment) == .exited(0))
      try await process.start()
      let client = process.client()
      try await client.createTable("t", "id BIGINT").expect(201)
      try await client.ingestVisibly("t", key: "k", #"{"id": 1}"#).expect(200)
      #expect(await process.stop() == .exited(0))

      for wrong in [[], ["sideways"], ["down", "-1"], ["down", "one"]] {
        #expect(try await output.migrate(wrong, deployment) == .exited(2), "\(wrong)")
      }
      // Back to the first version and up again, what it knew is as it was.
      #expect(try await output.migrate(["down", "1"], deployment) == .exited(0))
      #expect(try await process.startToEnd([:]) == .exited(3))
      // The way back from the first version ends the lake, so it has to be said in full.
      #expect(try await output.migrate(["down"], deployment) == .exited(2))
      #expect(try await output.migrate(["up"], deployment) == .exited(0))
      try await process.start()
      #expect(try await client.rows("FROM t") == "[[1]]")
      #expect(await process.stop() == .exited(0))
      #expect(try await output.migrate(["down", "0"], deployment) == .exited(0))
      #expect(output.take().contains("1 initial pending"))
      #expect(try await process.startToEnd([:]) == .exited(3))
    }
  }

  @Test func processesThatStartAtOnceMakeOneLake() async throws {
    try await Deployment.with { deployment in
      let processes = try await withThrowingTaskGroup(of: ServerProcess.self) { group in
        for _ in 0..<4 { group.addTask { try await deployment.start("api,coordinator,query") } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      try await processes[0].client().createTable("t", "id BIGINT").expect(201)
      for (id, process) in processes.enumerated() {
        try await process.client().ingestVisibly("t", key: "\(id)", #"{"id": \#(id)}"#).expect(200)
      }
      for process in processes {
        #expect(try await process.client().rows("FROM t ORDER BY id") == "[[0],[1],[2],[3]]")
      }
    }
  }

  @Test func whatAKilledProcessWasWritingIsClearedByTheNextAndNothingElse() async throws {
    try await Deployment.with { deployment in
      let staging = deployment.files.path + "/store/staging"
      func folders() throws -> Set<String> {
        let names = try FileManager.default.contentsOfDirectory(atPath: staging)
        return Set(names.filter { !$0.hasSuffix(".lock") })
      }
      let killed = try await deployment.start("coordinator")
      let first = try folders()
      let living = try await deployment.start("coordinator")
      let second = try folders().subtracting(first)
      #expect(first.count == 1 && second.count == 1)
      for name in first.union(second) {
        _ = try #require(
          FileManager.default.createFile(
            atPath: "\(staging)/\(name)/half.parquet", contents: Data("half".utf8)))
      }
      await killed.kill9()
      _ = try await deployment.start("query")
      let after = try folders()
      #expect(after.isDisjoint(with: first) && after.isSuperset(of: second))
      for name in second {
        #expect(FileManager.default.fileExists(atPath: "\(staging)/\(name)/half.parquet"))
      }
      #expect(living.isStarted)
    }
  }

  @Test func processesThatWouldKeepFilesApartAreRefused() async throws {
    try await Deployment.with { deployment in
      _ = try await deployment.start("api,coordinator")
      let other = try TemporaryFolder()
      let process = try deployment.process(
        "query", ["DUCKMESH_OBJECT_STORE": "file://\(other.path)/elsewhere"])
      #expect(try await process.startToEnd([:]) == .exited(3))
      #expect(process.log.contains("DUCKMESH_OBJECT_STORE"), "\(process.log)")
      // Nor may it fall back to its own folder.
      let alone = try deployment.process("api,query,coordinator,maintenance")
      #expect(try await alone.startToEnd(["DUCKMESH_OBJECT_STORE": ""]) == .exited(3))
      #expect(alone.log.contains("DUCKMESH_OBJECT_STORE"), "\(alone.log)")
    }
  }

  @Test func aCatalogThatCannotBeUsedIsToldWithoutItsPassword() async throws {
    try await Deployment.with { deployment in
      let uri = deployment.database.uri
      let secret = "not-the-pass-word"
      let port = deployment.database.cluster.port
      let name = deployment.database.name
      for location in [
        "postgres://tester:\(secret)@127.0.0.1:\(port)/\(name)",
        "postgres://tester:\(secret)@127.0.0.1:1/\(name)",
        "postgres://tester:\(secret)@127.0.0.1:\(port)/no_such_database",
        "postgres://tester:\(secret)@127.0.0.1:\(port)/\(name)?sslmode=nonsense",
        "mysql://tester:\(secret)@127.0.0.1/\(name)",
        uri + "?schema=Not-A-Name-\(secret)", uri + "?schema=a&schema=b",
      ] {
        let process = try deployment.process("api")
        #expect(try await process.startToEnd(["DUCKMESH_CATALOG_DSN": location]) == .exited(3))
        #expect(process.log.contains("DUCKMESH_CATALOG_DSN"), "\(process.log)")
        #expect(!process.log.contains(secret), "\(process.log)")
      }
    }
  }

  @Test func aLakeHasASchemaOfItsOwn() async throws {
    try await Deployment.with { deployment in
      let uri = deployment.database.uri
      for schema in ["first_lake", "second_lake"] {
        let files = try TemporaryFolder()
        chmod(files.path, 0o755)
        let process = try await deployment.start(
          "api,query,coordinator,maintenance",
          [
            "DUCKMESH_CATALOG_DSN": uri + "?application_name=test&schema=\(schema)",
            "DUCKMESH_OBJECT_STORE": "file://\(files.path)/store",
          ])
        let client = process.client()
        try await client.createTable("t", "id BIGINT").expect(201)
        try await client.ingestVisibly("t", key: "k", #"{"id": 1}"#).expect(200)
        #expect(try await client.rows("SELECT count(*) FROM t") == "[[1]]")
        #expect(await process.stop() == .exited(0))
      }
      try await deployment.database.execute("SELECT FROM first_lake.duckmesh_tenant")
    }
  }

  @Test func aStoppingProcessSaysSoBeforeItStops() async throws {
    try await Deployment.with(["DUCKMESH_DRAIN_DELAY_MS": "600000"]) { deployment in
      let process = try await deployment.start("api,query,coordinator,maintenance")
      let client = process.client()
      try await client.createTable("t", "id BIGINT").expect(201)
      try await client.get("/v1/ready").expect(200)
      process.signal(SIGTERM)
      try await eventually("it is not ready") {
        try await client.get("/v1/ready").status == 503
      }
      let reply = try await client.get("/v1/ready")
      #expect(reply["components", "server", "state"]?.text == "stopping")
      // What is sent all the same is served.
      try await client.get("/v1/health").expect(200)
      try await client.ingestVisibly("t", key: "k", #"{"id": 1}"#).expect(200)
      #expect(try await client.rows("FROM t") == "[[1]]")
      // Whoever does not want to wait says it again.
      process.signal(SIGTERM)
      #expect(await process.ended() == .exited(128 + SIGTERM))
    }
  }
}

/// What runs of `duckmesh migrate` have written.
private final class TemporaryOutput {
  private let folder: TemporaryFolder?
  private var runs = 0

  init() { folder = try? TemporaryFolder() }

  func migrate(
    _ arguments: [String], _ deployment: Deployment
  ) async throws -> ChildProcess.Ending {
    let folder = try #require(folder)
    runs += 1
    let child = try await ChildProcess(
      ServerProcess.program("duckmesh"), ["migrate"] + arguments,
      environment: ["DUCKMESH_CATALOG_DSN": deployment.database.uri],
      output: folder.path + "/run\(runs)")
    return await child.end()
  }

  /// The text of the newest run.
  func take() -> String { folder?.read("run\(runs)") ?? "" }
}
