import Foundation
import Glibc
import Runtime
import TestSupport
import Testing

/// The embedded catalog put back from a backup.
@Suite struct RestoreTests {
  private static let settings = ["DUCKMESH_COMPACTION_FAN_IN": "4"]
  private static let catalogFiles = ["catalog.sqlite", "catalog.sqlite-wal"]

  private static func copyCatalog(from source: String, to target: String) throws {
    let manager = FileManager.default
    try manager.createDirectory(atPath: target, withIntermediateDirectories: true)
    for name in catalogFiles + ["catalog.sqlite-shm"] { unlink("\(target)/\(name)") }
    for name in catalogFiles where manager.fileExists(atPath: "\(source)/\(name)") {
      try manager.copyItem(atPath: "\(source)/\(name)", toPath: "\(target)/\(name)")
    }
  }

  @Test func aRestoredCatalogIsRefusedThenAdoptedAndNoNumberMeansTwoThings() async throws {
    try await ServerProcess.with(Self.settings) { server in
      let lives = LakeLives()
      let backup = server.folder.path + "/backup"
      try await lives.beforeTheBackup(server)
      try Self.copyCatalog(from: server.dataFolder, to: backup)
      try await server.start()
      try await lives.afterTheBackup(server)
      #expect(await server.stop() == .exited(0))
      try Self.copyCatalog(from: backup, to: server.dataFolder)

      let tool = OperatorTool(server: server)
      #expect(try await server.startToEnd([:]) == .exited(3))
      #expect(server.log.contains("duckmeshctl catalog adopt"), "\(server.log.suffix(500))")
      let status = try await tool.catalog("status")
      #expect(status.ending == .exited(1) && status.output.contains("restored"))
      let adopted = try await tool.catalog("adopt", "--yes")
      #expect(adopted.ending == .exited(0), "\(adopted.errors)")
      #expect(adopted.output.contains("pending     3 events"), "\(adopted.output)")
      #expect(adopted.output.contains("integrity   clean"))
      #expect(try await tool.catalog("status").ending == .exited(0))

      try await server.start()
      try await lives.expectAdopted(server)
      try await lives.goOn(server)
      let ours = try await server.client().rows("SELECT CAST(id AS VARCHAR) FROM t ORDER BY id")
      #expect(await server.stop() == .exited(0))
      let reader = OfficialReader(
        catalog: server.dataFolder + "/catalog.sqlite", schema: "default")
      let theirs = try await reader.ask(
        [
          .init(sql: "SELECT CAST(id AS VARCHAR) FROM {table:t} ORDER BY id", snapshot: nil),
          .init(
            sql: "SELECT CAST(count(*) AS VARCHAR) FROM {table:t}",
            snapshot: lives.keptSnapshots.keys.max()),
        ])
      #expect("[\(theirs[0].map { #"["\#($0[0] ?? "")"]"# }.joined(separator: ","))]" == ours)
      #expect(theirs[1] == [["8"]])
    }
  }

  @Test func adoptionIsRefusedWhereNothingIsWrongAndForcedOnes() async throws {
    try await ServerProcess.with { server in
      let client = server.client()
      try await client.createTable("t", "id BIGINT").expect(201)
      let first = try await client.ingestVisibly("t", key: "a", #"{"id": 1}"#).expect(200)
      let tool = OperatorTool(server: server)
      #expect(try await tool.catalog("adopt", "--yes").errors.contains("in use"))
      #expect(await server.stop() == .exited(0))
      let refused = try await tool.catalog("adopt", "--yes")
      #expect(refused.ending == .exited(3) && refused.errors.contains("--force"))
      // Nobody to ask is a no.
      #expect(try await tool.catalog("adopt", "--force").ending == .exited(2))
      #expect(try await tool.catalog("adopt", "--sideways").ending == .exited(3))
      #expect(try await tool.catalog("status").output.contains("generation  1"))
      #expect(try await tool.catalog("adopt", "--force", "--yes").ending == .exited(0))
      #expect(try await tool.catalog("status").output.contains("generation  2"))
      try await server.start()
      let again = server.client()
      #expect(try await again.rows("FROM t", token: first.token) == "[[1]]")
      #expect(try await again.ingestVisibly("t", key: "b", #"{"id": 2}"#).token == 1 << 40 | 2)
    }
  }

  @Test func anAdoptionThatWasKilledHalfwayIsFinishedByTheNext() async throws {
    try await ServerProcess.with { server in
      let tool = OperatorTool(server: server)
      try await server.client().createTable("t", "id BIGINT").expect(201)
      #expect(await server.stop() == .exited(0))
      let killed = try await tool.catalog(
        "adopt", "--yes", "--force",
        more: [
          CrashPoint.enablingVariable: "1", CrashPoint.variable: CrashPoint.insideAdoption.rawValue,
        ])
      #expect(killed.ending == .signalled(9))
      #expect(try await server.startToEnd([:]) == .exited(3))
      #expect(server.log.contains("interrupted"))
      #expect(try await tool.catalog("status").ending == .exited(1))
      let finished = try await tool.catalog("adopt", "--yes")
      #expect(finished.ending == .exited(0) && finished.output.contains("generation 2"))
      try await server.start()
      #expect(
        try await server.client().ingestVisibly("t", key: "a", #"{"id": 1}"#).token == 1 << 40 | 1)
    }
  }

  @Test func aCatalogIsNotServedWithAnotherLakesFiles() async throws {
    try await ServerProcess.with { server in
      let tool = OperatorTool(server: server)
      try await server.client().createTable("t", "id BIGINT").expect(201)
      try await server.client().ingestVisibly("t", key: "a", #"{"id": 1}"#).expect(200)
      #expect(await server.stop() == .exited(0))
      let store = ["DUCKMESH_OBJECT_STORE": "file://\(server.folder.path)/elsewhere"]
      #expect(try await server.startToEnd(store) == .exited(3))
      #expect(server.log.contains("knows nothing of the catalog's lake"))
      let empty = try await tool.catalog("adopt", "--yes", more: store)
      #expect(empty.ending == .exited(3) && empty.errors.contains("not in the object store"))

      // A lake of its own lives there.
      let other = store.merging(["DUCKMESH_DATA_DIR": server.folder.path + "/other"]) { $1 }
      let life = try await ServerProcess.spawn(
        other, dataFolder: server.folder.path + "/other", log: server.logPath)
      try await eventually("the other lake is recorded") {
        FileManager.default.fileExists(atPath: server.folder.path + "/elsewhere/records/lake")
      }
      life.send(SIGTERM)
      _ = await life.end()
      #expect(try await server.startToEnd(store) == .exited(3))
      #expect(server.log.contains("of two lakes"))
      for force in ["--yes", "--force"] {
        let refused = try await tool.catalog("adopt", "--yes", force, more: store)
        #expect(refused.ending == .exited(3))
      }
      // A lost catalog is no new lake.
      try Self.copyCatalog(
        from: server.folder.path + "/nothing", to: server.folder.path + "/kept")
      try await server.start()
      #expect(try await server.client().rows("FROM t") == "[[1]]")
    }
  }
}
