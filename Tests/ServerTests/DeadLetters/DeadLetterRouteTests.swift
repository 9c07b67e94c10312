import SimdJSON
import Testing

/// Dead letters over HTTP, from the bad record to the row.
@Suite(.sharedServer()) struct DeadLetterRouteTests {
  /// What `/v1/metrics` says of a tenant's events, without those that are none.
  private static func accounts(_ client: APIClient) async throws -> [String: Int] {
    let text = try await client.server.client().get("/v1/metrics").expect(200).text
    var states: [String: Int] = [:]
    for line in text.split(separator: "\n")
    where line.contains(#"tenant="\#(client.tenant ?? "")""#) {
      let value = line.split(separator: " ").last.flatMap { Int($0) } ?? 0
      if line.hasPrefix("duckmesh_accounting_imbalance_events") { #expect(value == 0) }
      guard line.hasPrefix("duckmesh_accounting_events"), value != 0,
        let state = line.split(separator: "state=\"").last?.prefix(while: { $0 != "\"" })
      else { continue }
      states[String(state)] = value
    }
    return states
  }

  private static func record(_ key: String, _ operation: String, _ payload: String) -> String {
    #"{"idempotency_key": "\#(key)", "op": "\#(operation)", "payload": \#(payload)}"#
  }

  private static func ingest(
    _ client: APIClient, _ records: String..., more: String = ""
  ) async throws -> Reply {
    try await client.post(
      "/v1/ingest/t", #"{"records": [\#(records.joined(separator: ","))]\#(more)}"#)
  }

  private static func replay(_ client: APIClient, _ body: String) async throws -> Reply {
    try await client.post("/v1/dead-letters/replay", body)
  }

  private static func outcomes(_ reply: Reply) -> [String] {
    (reply["results"]?.elements ?? []).map { $0["outcome"]?.text ?? "" }
  }

  private static func ids(_ client: APIClient, _ query: String = "") async throws -> [Int64] {
    let reply = try await client.get("/v1/dead-letters" + query).expect(200)
    return (reply["dead_letters"]?.elements ?? []).compactMap { $0["dead_letter_id"]?.integer }
  }

  private static let deadLetter = #", "on_error": "dead_letter", "wait_for_visibility": true"#

  @Test func aBadRecordBecomesARowWithACorrection() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable(
      "t", "id BIGINT", "n INTEGER", more: #", "primary_key_cols": ["id"]"#
    ).expect(201)
    let bad = Self.record("a", "upsert", #"{"id": 1, "n": "x"}"#)
    try await Self.ingest(
      client, bad, Self.record("b", "upsert", #"{"id": 2, "n": 2}"#), more: Self.deadLetter
    ).expectError(422, "DEAD_LETTERED")
    #expect(
      try await Self.accounts(client)
        == ["acknowledged": 2, "applied": 1, "dead_lettered": 1])
    try await client.query("FROM t", more: #", "min_visibility_token": 1"#)
      .expectError(409, "DEAD_LETTERED")
    let listed = try await client.get(
      "/v1/dead-letters?table=T&reason=SCHEMA_VIOLATION&token=1"
    ).expect(200)
    let letter = try #require(listed["dead_letters", 0])
    #expect(letter["op"]?.text == "upsert" && letter["payload_encoding"]?.text == "json")
    #expect(letter["payload"]?.compactText == #"{"id":1,"n":"x"}"#)
    #expect(letter["schema_version"]?.integer == 1)
    #expect(try await Self.ids(client, "?reason=CAST_FAILED") == [])
    #expect(try await Self.ids(client, "?token=2") == [])
    let id = try #require(letter["dead_letter_id"]?.integer)
    // As it is, it stays what it is; and a correction must fit.
    let same = try await Self.replay(client, #"{"ids": [\#(id)]}"#).expect(200)
    #expect(Self.outcomes(same) == ["dead_letter"])
    #expect(same["results", 0, "reason"]?.text == "SCHEMA_VIOLATION")
    try await Self.replay(
      client, #"{"ids": [\#(id)], "payloads": {"\#(id)": {"id": 1, "n": 1.5}}}"#
    ).expectError(400, "SCHEMA_VIOLATION")
    let before = try await client.query("FROM t")
    let body = #"{"ids": [\#(id)], "payloads": {"\#(id)": {"id": 1, "n": 7}}}"#
    let replayed = try await Self.replay(client, body).expect(200)
    #expect(Self.outcomes(replayed) == ["applied"] && replayed["status"]?.text == "completed")
    #expect(replayed["results", 0, "token"]?.integer == 1)
    #expect(try await client.rows("SELECT id, n FROM t ORDER BY id", token: 1) == "[[1,7],[2,2]]")
    // The watermark is where it was, and the snapshot before shows what it showed.
    let after = try await client.query("FROM t")
    #expect(after.token == before.token)
    let old = try await client.query(
      "SELECT id FROM t", more: #", "snapshot_id": \#(before["snapshot_id"]?.integer ?? 0)"#)
    #expect(old["rows"]?.compactText == "[[2]]")
    // Who asks again is told the same; who writes again has written already.
    let again = try await Self.replay(client, body).expect(200)
    #expect(again["results"]?.compactText == replayed["results"]?.compactText)
    let retry = try await Self.ingest(client, bad, more: Self.deadLetter).expect(200)
    #expect(retry["duplicate_count"]?.integer == 1)
    #expect(
      retry["visible_snapshot_id"]?.integer ?? 0
        >= replayed["visible_snapshot_id"]?.integer ?? .max)
    #expect(try await Self.accounts(client) == ["acknowledged": 2, "applied": 2])
    #expect(try await client.get("/v1/lag")["dead_letter_events"]?.integer == 0)
    try await client.delete("/v1/dead-letters/\(id)").expectError(409, "DEAD_LETTER_SETTLED")
    try await client.post("/v1/integrity/run").expect(200)
  }

  @Test func whatCameLaterIsNotUndone() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable(
      "t", "id BIGINT", "n INTEGER", more: #", "primary_key_cols": ["id"]"#
    ).expect(201)
    try await Self.ingest(
      client, Self.record("a", "upsert", #"{"id": 1, "n": "x"}"#),
      Self.record("b", "upsert", #"{"id": 2, "n": "x"}"#),
      Self.record("c", "upsert", #"{"id": 3, "n": "x"}"#), more: #", "on_error": "dead_letter""#
    ).expect(200)
    try await Self.ingest(
      client, Self.record("d", "upsert", #"{"id": 1, "n": 10}"#),
      Self.record("e", "delete", #"{"id": 2}"#), more: #", "wait_for_visibility": true"#
    ).expect(200)
    let ids = try await Self.ids(client)
    let payloads = zip(ids, 1...3).map { #""\#($0)": {"id": \#($1), "n": 0}"# }
    let reply = try await Self.replay(
      client,
      #"{"ids": [\#(ids.map(String.init).joined(separator: ","))], "payloads": {\#(payloads.joined(separator: ","))}}"#
    ).expect(200)
    #expect(Self.outcomes(reply) == ["superseded", "superseded", "applied"])
    #expect(
      try await client.rows("SELECT id, n FROM t ORDER BY id", token: 2) == "[[1,10],[3,0]]")
    #expect(
      try await Self.accounts(client)
        == ["acknowledged": 5, "applied": 2, "no_op": 1, "superseded": 2])
    try await client.post("/v1/integrity/run").expect(200)
  }

  @Test func aFilterChoosesSomeAndWhatIsGivenUpIsCounted() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT").expect(201)
    try await client.createTable("u", "id BIGINT").expect(201)
    for table in ["t", "u"] {
      try await client.ingest(
        table, (0..<3).map { ("k\($0)", #"{"id": "x\#($0)"}"#) },
        more: #", "on_error": "dead_letter", "wait_for_visibility": true"#
      ).expectError(422, "DEAD_LETTERED")
    }
    let some = try await Self.replay(
      client, #"{"filter": {"table": "u", "reason": "SCHEMA_VIOLATION"}, "limit": 2}"#
    ).expect(200)
    #expect(Self.outcomes(some) == ["dead_letter", "dead_letter"])
    #expect(some["dead_letter_count"]?.integer == 2)
    let ids = try await Self.ids(client, "?table=t&limit=2")
    #expect(ids.count == 2)
    for _ in 0..<2 {
      let gone = try await client.delete("/v1/dead-letters/\(ids[0])").expect(200)
      #expect(gone["status"]?.text == "discarded")
    }
    #expect(
      try await Self.accounts(client) == ["acknowledged": 6, "dead_lettered": 5, "discarded": 1])
    #expect(
      Self.outcomes(try await Self.replay(client, #"{"ids": [\#(ids[0])]}"#)) == ["discarded"])
    // It will be no row, and nobody is told otherwise.
    try await client.query("FROM t", more: #", "min_visibility_token": 1"#)
      .expectError(409, "DEAD_LETTERED")
    try await client.ingest(
      "t", [("k0", #"{"id": "x0"}"#)],
      more: #", "on_error": "dead_letter", "wait_for_visibility": true"#
    ).expectError(422, "DEAD_LETTERED")
    // Nobody else's.
    let stranger = try ServerProcess.shared.newTenant()
    try await stranger.createTable("t", "id BIGINT").expect(201)
    try await stranger.delete("/v1/dead-letters/\(ids[1])")
      .expectError(404, "DEAD_LETTER_NOT_FOUND")
    let foreign = try await Self.replay(stranger, #"{"ids": [\#(ids[1])]}"#).expect(200)
    #expect(Self.outcomes(foreign) == ["not_found"])
    #expect(try await Self.ids(client, "?table=t") == Array(try await Self.ids(client).prefix(2)))
  }

  @Test func aRequestThatMakesNoSenseIsRefused() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT").expect(201)
    for body in [
      "{}", #"{"ids": []}"#, #"{"ids": ["1"]}"#, #"{"ids": [1], "limit": 2}"#,
      #"{"filter": {}}"#, #"{"filter": {"table": 1}, "limit": 1}"#,
      #"{"ids": [1], "payloads": {"2": {}}}"#, #"{"ids": [1], "payloads": {"1": 3}}"#,
      #"{"filter": {"table": "t"}, "limit": 1, "payloads": {"1": {}}}"#,
    ] {
      try await Self.replay(client, body).expectError(400, "INVALID_FIELD")
    }
    try await Self.replay(client, #"{"filter": {"tabel": "t"}, "limit": 1}"#)
      .expectError(400, "UNKNOWN_FIELD")
    try await Self.replay(client, #"{"ids": [1], "limit": 100000}"#)
      .expectError(400, "LIMIT_EXCEEDED")
    try await client.get("/v1/dead-letters?token=x").expectError(400, "INVALID_FIELD")
    try await client.delete("/v1/dead-letters/x").expectError(404, "DEAD_LETTER_NOT_FOUND")
  }
}
