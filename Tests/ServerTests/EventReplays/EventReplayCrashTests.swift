import Runtime
import SimdJSON
import TestSupport
import Testing

/// Replays whose process is killed on the way.
@Suite struct EventReplayCrashTests {
  private static let settings = [
    "DUCKMESH_SEGMENT_RETENTION_SECONDS": "3600", "DUCKMESH_REPLAY_RECORDS": "7",
    "DUCKMESH_FLUSH_INTERVAL_MS": "10",
  ]
  private static let crash = [
    CrashPoint.enablingVariable: "1", CrashPoint.variable: CrashPoint.insideEventReplay.rawValue,
  ]
  private static let replay =
    #"{"source_table": "t", "source_dropped": true, "target_table": "t", "from_token": 1}"#

  /// 48 rows and 2 dead letters of a table that is dropped and made again; another table's events
  /// lie in between.
  private func prepare(_ client: APIClient) async throws {
    try await client.createTable("t", "id BIGINT", "n BIGINT").expect(201)
    try await client.createTable("other", "id BIGINT").expect(201)
    for part in 0..<5 {
      var records = (0..<10).map { index in
        let id = part * 10 + index
        return (key: "k\(id)", payload: #"{"id": \#(id), "n": \#(id * id)}"#)
      }
      if part > 0 { records.append((key: "k3", payload: #"{"id": 3, "n": 9}"#)) }
      if part == 2 || part == 4 { records[5].payload = #"{"id": "x"}"# }
      try await client.ingest("t", records, more: #", "on_error": "dead_letter""#).expect(200)
      try await client.ingestVisibly("other", key: "o\(part)", #"{"id": \#(part)}"#).expect(200)
    }
    try await client.delete("/v1/tables/t").expect(200)
    try await client.createTable("t", "id BIGINT", "n BIGINT").expect(201)
  }

  private func expectReplayedOnce(_ client: APIClient, id: Int64 = 1) async throws {
    try await eventually("the replay is completed") {
      try await client.get("/v1/replays/\(id)")["status"]?.text == "completed"
    }
    let replay = try await client.get("/v1/replays/\(id)").expect(200)
    #expect(replay["event_count"]?.integer == 50 && replay["dead_letter_count"]?.integer == 2)
    let newest = try #require(replay.token)
    #expect(
      try await client.rows(
        "SELECT count(*), count(DISTINCT id), sum(n)::BIGINT FROM t", token: newest)
        == "[[48,48,37775]]")
    let lag = try await client.get("/v1/lag").expect(200)
    #expect(lag["accepted_events"]?.integer == 105, "\(lag.text)")
    try await client.post("/v1/integrity/run").expect(200)
  }

  @Test func aReplayThatIsKilledDoublesNothingAndLosesNothing() async throws {
    try await ServerProcess.with(Self.settings) { server in
      try await prepare(server.client())
      await server.kill9()
      // Each life publishes a part, and ends before it has written that down.
      try await server.start(Self.crash)
      _ = try? await server.client().post("/v1/replays", Self.replay)
      #expect(await server.ended() == .signalled(9), "the point was not reached")
      #expect(try await server.startToEnd(Self.crash) == .signalled(9))
      try await server.start()
      try await expectReplayedOnce(server.client())
      // Again as a whole: every event has its key already.
      let again = try await server.client().post(
        "/v1/replays", Self.replay.replacing("}", with: #", "into_existing_rows": true}"#))
      #expect(again.expect(202)["replay_id"]?.integer == 2)
      try await expectReplayedOnce(server.client(), id: 2)
    }
  }

  /// The process that has it is killed; another one goes on.
  @Test func anotherProcessCarriesAReplayOn() async throws {
    try await Deployment.with(Self.settings) { deployment in
      let api = try await deployment.start("api,query,coordinator")
      let doomed = try await deployment.start("maintenance", Self.crash)
      try await prepare(api.client())
      try await api.client().post("/v1/replays", Self.replay).expect(202)
      #expect(await doomed.ended() == .signalled(9))
      let running = try await api.client().get("/v1/replays/1").expect(200)
      #expect(running["status"]?.text == "running")
      let other = try deployment.process("maintenance")
      try await other.start()
      try await eventually("the replay is completed") {
        try await api.client().get("/v1/replays/1")["status"]?.text == "completed"
      }
      let newest = try await api.client().get("/v1/replays/1").token
      #expect(
        try await api.client().rows("SELECT count(*), count(DISTINCT id) FROM t", token: newest)
          == "[[48,48]]")
    }
  }
}
