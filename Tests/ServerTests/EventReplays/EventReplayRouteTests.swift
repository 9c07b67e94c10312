import SimdJSON
import TestSupport
import Testing

/// What replays do and refuse.
@Suite(
  .sharedServer([
    "DUCKMESH_SEGMENT_RETENTION_SECONDS": "3600", "DUCKMESH_FLUSH_INTERVAL_MS": "20",
    "DUCKMESH_REPLAY_RECORDS": "3",
  ])) struct EventReplayRouteTests
{
  private static func completed(_ client: APIClient, _ body: String) async throws -> Reply {
    let begun = try await client.post("/v1/replays", body).expect(202)
    let path = "/v1/replays/\(begun["replay_id"]?.integer ?? 0)"
    try await eventually("the replay has ended") {
      try await client.get(path)["status"]?.text != "running"
    }
    return try await client.get(path)
  }

  private static func upsert(
    _ client: APIClient, _ table: String, key: String, op: String = "upsert", _ payload: String
  ) async throws {
    try await client.post(
      "/v1/ingest/\(table)",
      #"{"wait_for_visibility": true, "records": [{"idempotency_key": "\#(key)", "op": "\#(op)", "payload": \#(payload)}]}"#
    ).expect(200)
  }

  @Test func aKeyedTableIsFilledWithTheLastOfEachKey() async throws {
    let client = try ServerProcess.shared.newTenant()
    let key = #", "primary_key_cols": ["id"]"#
    try await client.createTable("a", "id BIGINT", "n INTEGER", more: key).expect(201)
    for (index, n) in [1, 2, 3, 4].enumerated() {
      try await Self.upsert(client, "a", key: "k\(index)", #"{"id": \#(index % 2), "n": \#(n)}"#)
    }
    try await Self.upsert(client, "a", key: "d", op: "delete", #"{"id": 0}"#)
    try await client.createTable("b", "id BIGINT", "n BIGINT", more: key).expect(201)
    let replay = try await Self.completed(
      client, #"{"source_table": "a", "target_table": "b", "from_token": 1}"#)
    #expect(replay["status"]?.text == "completed" && replay["event_count"]?.integer == 5)
    #expect(try await client.rows("FROM b", token: replay.token) == "[[1,4]]")
    // Up to the third event only, and over rows: refused, then asked for.
    let older = #"{"source_table": "a", "target_table": "b", "from_token": 1, "to_token": 3"#
    let refused = try await client.post("/v1/replays", older + "}")
    refused.expectError(409, "TARGET_NOT_EMPTY")
    #expect(refused["context", "rows"]?.integer == 1)
    let again = try await Self.completed(
      client, older + #", "into_existing_rows": true, "series": "second"}"#)
    #expect(
      try await client.rows("FROM b ORDER BY id", token: again.token) == "[[0,3],[1,2]]")
  }

  /// Renamed, dropped, added: what a late event would become is what a replayed one becomes.
  @Test func eventsOfOlderSchemasComeToTheTarget() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("a", "id BIGINT", "old INTEGER", "gone VARCHAR").expect(201)
    try await client.ingestVisibly("a", key: "1", #"{"id": 1, "old": 7, "gone": "x"}"#).expect(200)
    try await client.send(
      "PATCH", "/v1/tables/a",
      Array(
        #"""
        {"compatibility_mode": "none", "schema_json": {"columns": [
          {"name": "id", "type": "BIGINT"},
          {"name": "fresh", "type": "INTEGER", "renamed_from": "old"},
          {"name": "more", "type": "VARCHAR", "default": "d"}]}}
        """#.utf8), contentType: "application/json"
    ).expect(200)
    try await client.ingestVisibly("a", key: "2", #"{"id": 2, "fresh": 8, "more": "m"}"#).expect(
      200)
    try await client.createTable("b", "more VARCHAR", "fresh BIGINT", "id BIGINT", "own DATE")
      .expect(201)
    let replay = try await Self.completed(
      client, #"{"source_table": "a", "target_table": "b", "from_token": 1}"#)
    #expect(
      try await client.rows("SELECT id, fresh, more, own FROM b ORDER BY id", token: replay.token)
        == #"[[1,7,"d",null],[2,8,"m",null]]"#)
    // The table itself, emptied by a restore, has its rows again.
    let both = try await client.rows("FROM a ORDER BY id")
    let first = try await client.get("/v1/snapshots?limit=100")["snapshots"]?.elements?
      .first { $0["max_visibility_token"]?.integer == 0 }?["snapshot_id"]?.integer
    let restored = try await client.post(
      "/v1/snapshots/restore", #"{"snapshot_id": \#(try #require(first)), "tables": ["a"]}"#)
    #expect(restored.status == 200, "\(restored.text)")
    let back = try await Self.completed(
      client, #"{"source_table": "a", "from_token": 1, "to_token": 2}"#)
    #expect(back["status"]?.text == "completed", "\(back.text)")
    #expect(try await client.rows("FROM a ORDER BY id", token: back.token) == both)
  }

  /// What a client does whose answer was lost.
  @Test func aRequestThatIsSentAgainIsTheSameReplay() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("a", "id BIGINT").expect(201)
    try await client.createTable("b", "id BIGINT").expect(201)
    for key in 1...5 {
      try await client.ingestVisibly("a", key: "\(key)", #"{"id": \#(key)}"#).expect(200)
    }
    let closed = #"{"source_table": "a", "target_table": "b", "from_token": 1, "to_token": 5}"#
    let first = try await Self.completed(client, closed)
    #expect(try await Self.completed(client, closed)["replay_id"] == first["replay_id"])
    let open = #"{"source_table": "a", "target_table": "b", "from_token": 1}"#
    let refused = try await client.post("/v1/replays", open)
    refused.expectError(409, "TARGET_NOT_EMPTY")
    #expect(refused["context", "replay_id"] == first["replay_id"])

    // Into its own rows: each replay's events would be the next one's.
    let own = #"{"source_table": "a", "from_token": 1, "series": "s", "into_existing_rows": true"#
    try await client.post("/v1/replays", own + "}").expectError(400, "INVALID_FIELD")
    try await client.post("/v1/replays", own + #", "to_time": "2999-01-01T00:00:00Z"}"#)
      .expectError(400, "INVALID_FIELD")
    for _ in 0..<2 {
      let replay = try await Self.completed(client, own + #", "to_token": 5}"#)
      #expect(
        try await client.rows("SELECT count(*), sum(id)::BIGINT FROM a", token: replay.token)
          == "[[10,30]]")
    }
  }

  @Test func tablesThatDoNotGoTogetherAreRefusedByColumn() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("a", "id BIGINT", "n BIGINT", "gone VARCHAR").expect(201)
    try await client.ingestVisibly("a", key: "1", #"{"id": 1}"#).expect(200)
    try await client.createTable("b", "id BIGINT", "n INTEGER").expect(201)
    let reply = try await client.post(
      "/v1/replays", #"{"source_table": "a", "target_table": "b", "from_token": 1}"#)
    reply.expectError(409, "REPLAY_INCOMPATIBLE")
    #expect(
      (reply["context", "columns"]?.elements ?? []).map { $0["column"]?.text } == ["n", "gone"])
    try await client.createTable(
      "keyed", "id BIGINT", "n BIGINT", "gone VARCHAR", more: #", "primary_key_cols": ["id"]"#
    ).expect(201)
    // Its key takes no null, and events may have one.
    try await client.post(
      "/v1/replays", #"{"source_table": "a", "target_table": "keyed", "from_token": 1}"#
    ).expectError(409, "REPLAY_INCOMPATIBLE")
    for body in [
      #"{"source_table": "nosuch", "target_table": "a", "from_token": 1}"#,
      #"{"source_table": "a", "target_table": "nosuch", "from_token": 1}"#,
      #"{"source_table": "a", "source_dropped": true, "from_token": 1}"#,
    ] {
      try await client.post("/v1/replays", body).expectError(404, "TABLE_NOT_FOUND")
    }
    try await client.post("/v1/replays", #"{"source_table": "a"}"#)
      .expectError(400, "INVALID_FIELD")
    try await client.post("/v1/replays", #"{"source_table": "a", "from_token": 2, "to_token": 1}"#)
      .expectError(400, "INVALID_FIELD")
    try await client.post("/v1/replays", #"{"source_table": "a", "from_token": 1, "to_token": 9}"#)
      .expectError(400, "VISIBILITY_TOKEN_INVALID")
    try await client.get("/v1/replays/1").expectError(404, "REPLAY_NOT_FOUND")
  }

  @Test func aTimeChoosesWhatWasAcceptedFromThenOn() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("a", "id BIGINT").expect(201)
    try await client.createTable("b", "id BIGINT").expect(201)
    try await client.ingestVisibly("a", key: "1", #"{"id": 1}"#).expect(200)
    try await client.ingestVisibly("a", key: "2", #"{"id": 2}"#).expect(200)
    let retained = try await client.get("/v1/replays").expect(200)
    #expect(retained["retained", "first_token"]?.integer == 1)
    let time = try #require(retained["retained", "first_published_at"]?.text)
    // The first event was accepted then, so nothing was before.
    try await client.post(
      "/v1/replays",
      #"{"source_table": "a", "target_table": "b", "from_token": 1, "to_time": "\#(time)"}"#
    ).expectError(400, "INVALID_FIELD")
    let replay = try await Self.completed(
      client, #"{"source_table": "a", "target_table": "b", "from_time": "\#(time)"}"#)
    #expect(replay["from_token"]?.integer == 1 && replay["to_token"]?.integer == 2)
    #expect(try await client.rows("FROM b ORDER BY id", token: replay.token) == "[[1],[2]]")
  }

  /// A batch of files is a reference; what is said of it is where it stands.
  @Test func aBatchOfFilesEndsAReplayAtItsToken() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("a", "id BIGINT").expect(201)
    try await client.createTable("b", "id BIGINT").expect(201)
    try await client.ingestVisibly("a", key: "1", #"{"id": 1}"#).expect(200)
    let lines = (0..<60_000).map { #"{"id": \#($0)}"# }.joined(separator: "\n")
    try await client.with("Idempotency-Key", "big").send(
      "POST", "/v1/ingest/a?wait_for_visibility=true", Array(lines.utf8),
      contentType: "application/x-ndjson"
    ).expect(200)
    let replay = try await Self.completed(
      client, #"{"source_table": "a", "target_table": "b", "from_token": 1}"#)
    #expect(replay["status"]?.text == "failed" && replay["error_code"]?.text == "BATCH_OF_FILES")
    #expect(replay["next_token"]?.integer == 2, "\(replay.text)")
    #expect(replay["batch_last_token"]?.integer == 60_001, "\(replay.text)")
    #expect(try await client.rows("FROM b", token: replay.token) == "[[1]]")
  }
}

/// What needs a server of its own.
@Suite struct EventReplayServerTests {
  @Test func withoutRetentionThereIsNothingToReplay() async throws {
    try await ServerProcess.with { server in
      let client = server.client()
      try await client.createTable("a", "id BIGINT").expect(201)
      try await client.createTable("b", "id BIGINT").expect(201)
      try await client.ingestVisibly("a", key: "1", #"{"id": 1}"#).expect(200)
      try await eventually("the event is acknowledged") {
        try await client.get("/v1/replays")["retained", "first_token"] == .null
      }
      try await client.post(
        "/v1/replays", #"{"source_table": "a", "target_table": "b", "from_token": 1}"#
      ).expectError(409, "EVENTS_NOT_RETAINED")
    }
  }

  /// Each part waits for a flush that nobody hurries; clients' events are flushed at once, and in
  /// between.
  @Test func freshEventsBecomeVisibleWhileAReplayRuns() async throws {
    let settings = [
      "DUCKMESH_SEGMENT_RETENTION_SECONDS": "3600", "DUCKMESH_REPLAY_RECORDS": "1",
      "DUCKMESH_FLUSH_INTERVAL_MS": "1000",
    ]
    try await ServerProcess.with(settings) { server in
      let client = server.client()
      try await client.createTable("a", "id BIGINT").expect(201)
      try await client.createTable("b", "id BIGINT").expect(201)
      try await client.ingest(
        "a", (0..<500).map { ("k\($0)", #"{"id": \#($0)}"#) },
        more: #", "wait_for_visibility": true"#
      ).expect(200)
      let body = #"{"source_table": "a", "target_table": "b", "from_token": 1}"#
      let begun = try await client.post("/v1/replays", body).expect(202)
      for number in 0..<5 {
        let fresh = try await client.ingestVisibly("a", key: "f\(number)", #"{"id": 1}"#)
        #expect(fresh.expect(200)["status"]?.text == "visible")
      }
      // Asked for again, it is the same; another one has to wait.
      #expect(
        try await client.post("/v1/replays", body.replacing("}", with: #", "to_token": 500}"#))
          .expect(202)["replay_id"] == begun["replay_id"])
      let into = #"{"source_table": "b", "from_token": 1, "to_token": 500}"#
      try await client.post("/v1/replays", into).expectError(409, "REPLAY_RUNNING")
      try await client.post(
        "/v1/replays",
        #"{"source_table": "b", "from_token": 1, "to_token": 500, "into_existing_rows": true}"#
      ).expectError(409, "REPLAY_RUNNING")
      // The newest event is another one by now.
      let open = try await client.post("/v1/replays", body)
      open.expectError(409, "REPLAY_RUNNING")
      #expect(open["context", "replay_id"] == begun["replay_id"])
      let path = "/v1/replays/\(begun["replay_id"]?.integer ?? 0)"
      let cancelled = try await client.delete(path).expect(200)
      #expect(cancelled["status"]?.text == "cancelled")
      #expect((cancelled["event_count"]?.integer ?? 500) < 500)
      try await client.post("/v1/replays", into).expectError(409, "TARGET_NOT_EMPTY")
      try await client.delete(path).expect(200)
      try await client.post("/v1/integrity/run").expect(200)
    }
  }
}
