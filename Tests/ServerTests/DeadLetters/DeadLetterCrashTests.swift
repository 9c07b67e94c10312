import Runtime
import SimdJSON
import TestSupport
import Testing

/// Replays that are cut off between any two durable steps.
@Suite struct DeadLetterCrashTests {
  private static let quick = ["DUCKMESH_FLUSH_INTERVAL_MS": "10"]

  private func prepare(_ client: APIClient) async throws -> [Int64] {
    try await client.createTable(
      "t", "id BIGINT", "n INTEGER", more: #", "primary_key_cols": ["id"]"#
    ).expect(201)
    try await client.ingest(
      "t", (1...4).map { ("k\($0)", #"{"id": \#($0), "n": "x"}"#) },
      more: #", "on_error": "dead_letter", "wait_for_visibility": true"#
    ).expectError(422, "DEAD_LETTERED")
    try await client.ingestVisibly("t", key: "later", #"{"id": 4, "n": 40}"#).expect(200)
    let letters = try await client.get("/v1/dead-letters").expect(200)
    return (letters["dead_letters"]?.elements ?? []).compactMap { $0["dead_letter_id"]?.integer }
  }

  private func request(_ ids: [Int64]) -> String {
    let payloads = zip(ids, 1...4).map { #""\#($0)": {"id": \#($1), "n": \#($1)}"# }
    return #"""
      {"ids": [\#(ids.map(String.init).joined(separator: ","))], "timeout_ms": 60000,
       "payloads": {\#(payloads.joined(separator: ","))}}
      """#
  }

  private func expectReplayedOnce(_ client: APIClient, _ ids: [Int64]) async throws {
    let reply = try await client.post("/v1/dead-letters/replay", request(ids)).expect(200)
    #expect(
      (reply["results"]?.elements ?? []).map { $0["outcome"]?.text }
        == ["applied", "applied", "applied", "superseded"], "\(reply.text)")
    #expect(
      try await client.rows("SELECT id, n FROM t ORDER BY id", token: 4)
        == "[[1,1],[2,2],[3,3],[4,40]]")
    let lag = try await client.get("/v1/lag").expect(200)
    #expect(lag["dead_letter_events"]?.integer == 0 && lag["accepted_events"]?.integer == 5)
    try await client.post("/v1/integrity/run").expect(200)
  }

  @Test(arguments: [
    CrashPoint.afterReplayClaim, .afterMaterialize, .afterPut, .insideCommit, .afterCommit,
  ]) func aReplayHappensOnceWhereverTheServerIsKilled(point: CrashPoint) async throws {
    try await ServerProcess.with(Self.quick) { server in
      let ids = try await prepare(server.client())
      await server.kill9()
      try await server.start([
        CrashPoint.enablingVariable: "1", CrashPoint.variable: point.rawValue,
      ])
      // No answer comes; that is all that the client knows.
      _ = try? await server.client().post("/v1/dead-letters/replay", request(ids))
      #expect(await server.ended() == .signalled(9), "the point was not reached")
      // The request stands: it is carried out without being asked for again.
      try await server.start()
      try await eventually("the letters are settled") {
        try await server.client().get("/v1/lag")["dead_letter_events"]?.integer == 0
      }
      for _ in 0..<2 {
        try await expectReplayedOnce(server.client(), ids)
        try await server.client().post("/v1/retention/run").expect(200)
        #expect(await server.stop() == .exited(0))
        try await offPool { try Witness().expectNoOrphans(server) }
        try await server.start()
      }
      #expect(await server.stop() == .exited(0))
    }
  }

  /// The process that is asked holds no tenant; of the two that could, one is killed on the way.
  @Test func anotherProcessCarriesTheRequestOut() async throws {
    try await Deployment.with(Self.quick) { deployment in
      let api = try await deployment.start("api,query,maintenance")
      let doomed = try await deployment.start(
        "coordinator",
        [
          CrashPoint.enablingVariable: "1",
          CrashPoint.variable: CrashPoint.afterReplayClaim.rawValue,
        ])
      let ids = try await prepare(api.client())
      // It holds the tenant, and ends when it has taken the letters.
      let other = try deployment.process("coordinator")
      _ = try await api.client().post(
        "/v1/dead-letters/replay", request(ids).replacing("60000", with: "0"))
      #expect(await doomed.ended() == .signalled(9))
      try await other.start()
      try await expectReplayedOnce(api.client(), ids)
    }
  }
}
