import Runtime
import SimdJSON
import TestSupport
import Testing

/// A server is killed on the way of putting old content back, and started again.
@Suite struct RestoreCrashTests {
  private static let settings = [
    "DUCKMESH_FLUSH_INTERVAL_MS": "10", "DUCKMESH_DELETION_GRACE_SECONDS": "600",
    "DUCKMESH_COMPACTION_FAN_IN": "3",
  ]
  private static let points: [CrashPoint] = [.restoreAfterPut, .insideRestore, .restoreAfterCommit]

  /// What both tables show.
  private struct Content: Equatable {
    let stock: String
    let events: String
  }

  @Test(arguments: points) func aRestoreHappensWhollyOrNotAtAll(point: CrashPoint) async throws {
    try await ServerProcess.with(Self.settings) { server in
      // What a dead process of this store held is free for the next one.
      try await run(server, point) {}
      try await server.start()
      try await server.client(tenant: "acme").post("/v1/retention/run").expect(200)
      #expect(await server.stop() == .exited(0))
      try await offPool { try Witness().expectNoOrphans(server) }
    }
  }

  @Test(arguments: points)
  func aRestoreOverPostgreSQLHappensWhollyOrNotAtAll(point: CrashPoint) async throws {
    try await Deployment.with(Self.settings) { deployment in
      let database = deployment.database
      try await run(try await deployment.start("api,query,coordinator,maintenance"), point) {
        try await database.execute("UPDATE duckmesh_table_lease SET leased_until = 0")
      }
    }
  }

  /// The server runs before and has stopped in order after.
  ///
  /// - Parameter runOut: as if the leases of the process that was killed had run out.
  private func run(
    _ server: ServerProcess, _ point: CrashPoint, leasesRunOut runOut: () async throws -> Void
  ) async throws {
    let old = try await write(server, ["1", "2", "3"], first: 0)
    try await change(server, "w3", "delete", 2)
    let base = try await snapshot(server)
    let before = try await content(server)
    #expect(before != old)
    let after = try await write(server, ["3", "4", "5"], first: 10)
    let newest = try await snapshot(server)
    #expect(await server.stop() == .exited(0))

    try await server.start([CrashPoint.enablingVariable: "1", CrashPoint.variable: point.rawValue])
    let answer = try? await restore(server, base)
    #expect(answer == nil)
    #expect(await server.ended() == .signalled(9), "the point was not reached")

    try await server.start()
    #expect(try await content(server) == (point == .restoreAfterCommit ? before : after))
    #expect(try await content(server, at: base) == before)
    #expect(try await content(server, at: newest) == after)
    try await client(server).post("/v1/integrity/run").expect(200)

    try await runOut()
    // Whoever asked had no answer, so he asks again; it does not matter what became of the first.
    try await restore(server, base).expect(200)
    #expect(try await content(server) == before)
    // Events of before stay known, new ones go on from the restored rows.
    try await change(server, "w3", "delete", 2)
    #expect(try await content(server) == before)
    try await change(server, "w20", "upsert", 1)
    #expect(try await content(server) != before)
    #expect(await server.stop() == .exited(0))

    try await server.start()
    for (id, expected) in [(base, before), (newest, after)] {
      #expect(try await content(server, at: id) == expected)
    }
    for _ in 0..<2 {
      try await client(server).post("/v1/integrity/run").expect(200)
      try await client(server).post("/v1/retention/run").expect(200)
    }
    #expect(await server.stop() == .exited(0))
  }

  private func client(_ server: ServerProcess) -> APIClient { server.client(tenant: "acme") }

  /// Some commits to a keyed table and to one without a key.
  private func write(
    _ server: ServerProcess, _ ids: [String], first: Int
  ) async throws -> Content {
    let client = client(server)
    if first == 0 {
      try await client.createStock().expect(201)
      try await client.createTable("events", "id BIGINT").expect(201)
    }
    for (place, id) in ids.enumerated() {
      try await change(server, "w\(first + place)", "upsert", Int(id) ?? 0)
      try await client.ingestVisibly("events", key: "e\(first + place)", #"{"id": \#(id)}"#)
        .expect(200)
    }
    return try await content(server)
  }

  private func change(
    _ server: ServerProcess, _ key: String, _ operation: String, _ id: Int
  ) async throws {
    let payload = operation == "delete" ? #"{"id": \#(id)}"# : #"{"id": \#(id), "note": "\#(key)"}"#
    try await client(server).changeVisibly(APIClient.record(key, operation, payload)).expect(200)
  }

  private func restore(_ server: ServerProcess, _ snapshot: Int64) async throws -> Reply {
    try await client(server).post("/v1/snapshots/restore", #"{"snapshot_id": \#(snapshot)}"#)
  }

  private func snapshot(_ server: ServerProcess) async throws -> Int64 {
    try #require(try await client(server).query("SELECT 1").expect(200)["snapshot_id"]?.integer)
  }

  private func content(_ server: ServerProcess, at snapshot: Int64? = nil) async throws -> Content {
    let more = snapshot.map { #", "snapshot_id": \#($0)"# } ?? ""
    let events = try await client(server).query("SELECT id FROM events ORDER BY id", more: more)
      .expect(200)
    return Content(
      stock: try await client(server).stockRows(more: more),
      events: try #require(events["rows"]?.compactText))
  }
}
