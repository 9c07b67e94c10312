import Foundation
import TestSupport
import Testing

/// The catalog in PostgreSQL, restored from a dump or by going back to an older copy of its server.
@Suite struct RestoredDatabaseTests {
  private static let roles = "api,query,coordinator,maintenance"
  private static let settings = ["DUCKMESH_COMPACTION_FAN_IN": "4"]

  @Test func aDumpThatIsReadBackIsRefusedThenAdoptedAndNoNumberMeansTwoThings() async throws {
    try await Deployment.with(Self.settings) { deployment in
      let server = try await deployment.start(Self.roles)
      let database = deployment.database
      let lives = LakeLives()
      try await lives.beforeTheBackup(server)
      try await database.dump()
      try await server.start()
      try await lives.afterTheBackup(server)

      // Under the running server the database is replaced by what the dump holds.
      try await database.restore()
      let tool = OperatorTool(server: server)
      try await eventually("the server does not take the copy for its catalog") {
        let ready = try await server.client().get("/v1/ready")
        return ready.status == 503 && ready.text.contains("replaced by another copy")
      }
      try await server.client().ingest("t", [("while", #"{"id": 9}"#)])
        .expectError(503, "SERVICE_UNAVAILABLE")
      #expect(await server.stop() == .exited(0))
      #expect(try await server.startToEnd([:]) == .exited(3))
      #expect(server.log.contains("duckmeshctl catalog adopt"))
      #expect(try await tool.catalog("status").ending == .exited(1))
      let adopted = try await tool.catalog("adopt", "--yes")
      #expect(adopted.ending == .exited(0), "\(adopted.errors)")
      #expect(adopted.output.contains("pending     3 events"), "\(adopted.output)")
      #expect(adopted.output.contains("integrity   clean"))
      #expect(try await tool.catalog("adopt", "--yes").ending == .exited(3))

      try await server.start()
      try await lives.expectAdopted(server)
      try await lives.goOn(server)
    }
  }

  /// Such a copy has the server's own identifier, timeline and numbers; only its progress tells.
  @Test func aServerThatWentBackToAnOlderCopyOfItsFilesIsNoticed() async throws {
    let cluster = try await PostgreSQLCluster()
    try await ServerProcess.with { server in
      let database = try await cluster.makeDatabase()
      _ = await server.stop()
      let settings = [
        "DUCKMESH_CATALOG_DSN": database.uri,
        "DUCKMESH_OBJECT_STORE": "file://\(server.folder.path)/store",
      ]
      try await server.start(settings)
      try await server.client().createTable("t", "id BIGINT").expect(201)
      try await server.client().ingestVisibly("t", key: "a", #"{"id": 1}"#).expect(200)
      #expect(await server.stop() == .exited(0))
      try await cluster.stop(.fast)
      try await cluster.change("cp -a data copy")
      try await cluster.start()
      try await server.start(settings)
      let lost = try await server.client().ingestVisibly("t", key: "b", #"{"id": 2}"#).expect(200)
      #expect(await server.stop() == .exited(0))
      try await cluster.stop(.fast)
      try await cluster.change("rm -rf data && mv copy data")
      try await cluster.start()

      #expect(try await server.startToEnd(settings) == .exited(3))
      #expect(server.log.contains("its newest snapshot is"), "\(server.log.suffix(500))")
      let adopted = try await OperatorTool(server: server)
        .catalog("adopt", "--yes", more: settings)
      #expect(adopted.ending == .exited(0), "\(adopted.errors)")
      try await server.start(settings)
      let client = server.client()
      try await client.query("FROM t", more: #", "min_visibility_token": \#(lost.token ?? 0)"#)
        .expectError(410, "TOKEN_VOID")
      let again = try await client.ingestVisibly("t", key: "b", #"{"id": 2}"#).expect(200)
      let expected: Int64 = 1 << 40 + 2
      #expect(again.token == expected)
      #expect(try await client.rows("FROM t ORDER BY id") == "[[1],[2]]")
    }
    try await cluster.remove()
  }
}
