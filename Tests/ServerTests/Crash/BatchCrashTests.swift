import Foundation
import Runtime
import SQLite
import TestSupport
import Testing

/// The server is killed on the way of a batch whose rows stand in files.
@Suite struct BatchCrashTests {
  private static let settings = ["DUCKMESH_BATCH_STAGING_BYTES": "10000"]
  private static let rows = 5_000

  private static let body = (0..<rows).map { "{\"id\": \($0)}\n" }.joined()

  @Test(arguments: [
    CrashPoint.insidePublish, .afterUpload, .afterPublish, .afterClaim, .afterMaterialize,
    .afterPut, .insideCommit, .afterCommit, .beforeAcknowledge,
  ]) func aBatchIsThereOnceOrNotAtAll(point: CrashPoint) async throws {
    try await ServerProcess.with(Self.settings) { server in
      let client = server.client(tenant: "acme")
      try await client.createTable("t", "id BIGINT").expect(201)
      #expect(await server.stop() == .exited(0))
      try await server.start([
        CrashPoint.enablingVariable: "1", CrashPoint.variable: point.rawValue,
      ])
      _ = try? await client.batch("t", Self.body, key: "k", parameters: "?wait_for_visibility=true")
      #expect(await server.ended() == .signalled(9), "the point was not reached")

      for life in 0..<2 {
        try await server.start()
        let reply = try await client.batch(
          "t", Self.body, key: "k", parameters: "?wait_for_visibility=true")
        #expect(reply.expect(200).token == Int64(Self.rows))
        if life == 1 { #expect(reply["duplicate_count"]?.integer == Int64(Self.rows)) }
        #expect(
          try await client.rows("SELECT count(*), count(DISTINCT id) FROM t")
            == "[[\(Self.rows),\(Self.rows)]]")
        try await client.post("/v1/integrity/run").expect(200)
        #expect(await server.stop() == .exited(0))
        // As if the lease of what was given up had run out.
        let path = server.dataFolder + "/catalog.sqlite"
        try await offPool {
          try SQLiteConnection(path: path, mode: .readWriteCreate)
            .execute("UPDATE duckmesh_upload SET leased_until = 0")
        }
      }
      try await server.start()
      try await client.post("/v1/retention/run").expect(200)
      for folder in ["uploads", "staging"] {
        let left = try files(below: "\(server.dataFolder)/\(folder)")
        #expect(left.isEmpty, "\(folder): \(left)")
      }
    }
  }
}
