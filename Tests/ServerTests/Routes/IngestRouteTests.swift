import SimdJSON
import Testing

@Suite(.sharedServer()) struct IngestRouteTests {
  private static func tenant() async throws -> APIClient {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT", "name VARCHAR").expect(201)
    return client
  }

  private static func expectRows(_ count: Int, _ client: APIClient) async throws {
    let head = try await client.get("/v1/lag")["accepted_events"]?.integer
    #expect(try await client.rows("SELECT count(*) FROM t", token: head) == "[[\(count)]]")
  }

  @Test func acceptedEventsGetDenseTokensAndBecomeVisible() async throws {
    let client = try await Self.tenant()
    let first = try await client.ingest("t", [("a", #"{"id": 1}"#), ("b", #"{"id": 2}"#)])
    #expect(
      first.expect(200).json?.compactText
        == #"{"accepted_count":2,"duplicate_count":0,"max_visibility_token":2,"status":"accepted"}"#
    )
    let second = try await client.ingestVisibly("T", key: "c", #"{"id": 3, "name": "x"}"#)
    #expect(second.expect(200)["status"]?.text == "visible")
    #expect(second.token == 3)
    let snapshot = try #require(second["visible_snapshot_id"]?.integer)
    let answer = try await client.query(
      "SELECT id, name FROM t ORDER BY id", more: #", "snapshot_id": \#(snapshot)"#)
    #expect(answer["rows"]?.compactText == #"[[1,null],[2,null],[3,"x"]]"#)
    #expect(answer.token == 3)
  }

  @Test func duplicatesGetTheirFirstReceipt() async throws {
    let client = try await Self.tenant()
    let records = [(key: "a", payload: #"{"id": 1, "name": "x"}"#), ("b", #"{"id": 2}"#)]
    try await client.ingest("t", records).expect(200)
    let again = try await client.ingest("t", records).expect(200)
    #expect(
      again.json?.compactText
        == #"{"accepted_count":0,"duplicate_count":2,"max_visibility_token":2,"status":"partial_duplicate"}"#
    )
    // Member order, white space and number spelling make no difference.
    let respelt = try await client.ingestVisibly(
      "t", key: "a", #"{ "name" : "\u0078", "id":1.0 }"#)
    #expect(respelt["status"]?.text == "partial_duplicate")
    #expect(respelt["visible_snapshot_id"]?.integer != nil)
    #expect(respelt.token == 1)
    let mixed = try await client.ingest("t", records + [("c", #"{"id": 3}"#)]).expect(200)
    #expect(mixed["accepted_count"]?.integer == 1)
    #expect(mixed["duplicate_count"]?.integer == 2)
    #expect(mixed["status"]?.text == "partial_duplicate")
    try await Self.expectRows(3, client)
  }

  @Test func aKeyTwiceInARequestIsADuplicateOrAContradiction() async throws {
    let client = try await Self.tenant()
    let equal = try await client.ingest("t", [("a", #"{"id": 1}"#), ("a", #"{"id":1}"#)])
    #expect(equal.expect(200)["accepted_count"]?.integer == 1)
    #expect(equal["duplicate_count"]?.integer == 1)
    let unequal = try await client.ingest(
      "t", [("n", #"{"id": 7}"#), ("k", #"{"id": 1}"#), ("k", #"{"id": 2}"#)])
    unequal.expectError(409, "IDEMPOTENCY_KEY_REUSED")
    #expect(unequal["context", "idempotency_key"]?.text == "k")
    #expect(unequal["context", "record_index"]?.integer == 2)
    // Nothing of it was accepted, so its keys are free.
    #expect(
      try await client.ingest("t", [("k", #"{"id": 3}"#)])["accepted_count"]?.integer == 1)
    try await Self.expectRows(2, client)
  }

  @Test func aUsedKeyWithOtherContentIsRefused() async throws {
    let client = try await Self.tenant()
    try await client.ingest("t", [("k", #"{"id": 1}"#)]).expect(200)
    let reused = try await client.ingest("t", [("new", #"{"id": 5}"#), ("k", #"{"id": 2}"#)])
    reused.expectError(409, "IDEMPOTENCY_KEY_REUSED")
    #expect(reused["context", "record_index"]?.integer == 1)
    try await Self.expectRows(1, client)
    // Also where the content does not fit the table: keys come before schemas.
    try await client.ingest("t", [("k", #"{"id": "x"}"#)])
      .expectError(409, "IDEMPOTENCY_KEY_REUSED")
  }

  @Test func keysBelongToATableAndItsIncarnation() async throws {
    let client = try await Self.tenant()
    try await client.createTable("u", "id BIGINT").expect(201)
    try await client.ingestVisibly("t", key: "k", #"{"id": 1}"#).expect(200)
    #expect(try await client.ingest("u", [("k", #"{"id": 2}"#)])["accepted_count"]?.integer == 1)
    try await client.delete("/v1/tables/t").expect(200)
    try await client.ingest("t", [("k", #"{"id": 1}"#)]).expectError(404, "TABLE_NOT_FOUND")
    try await client.createTable("t", "id BIGINT", "name VARCHAR").expect(201)
    let again = try await client.ingestVisibly("t", key: "k", #"{"id": 1}"#)
    #expect(again["accepted_count"]?.integer == 1)
    #expect(again.token == 3)
    try await Self.expectRows(1, client)
  }

  @Test(arguments: [
    (#"{"records": [{"idempotency_key": "k", "op": "insert", "payload": {}}"#, "INVALID_JSON"),
    (#"[]"#, "INVALID_JSON"), (#""#, "INVALID_JSON"), (#"null"#, "INVALID_JSON"),
    (#"{}"#, "RECORDS_REQUIRED"), (#"{"records": []}"#, "RECORDS_REQUIRED"),
    (#"{"records": {}}"#, "RECORDS_REQUIRED"), (#"{"records": [1]}"#, "RECORDS_REQUIRED"),
    (#"{"records": null}"#, "RECORDS_REQUIRED"),
    (#"{"records": [{"idempotency_key": "k", "payload": {}}]}"#, "INVALID_OP"),
    (#"{"records": [{"op": "insert", "payload": {"id": 1}}]}"#, "IDEMPOTENCY_KEY_REQUIRED"),
    (
      #"{"records": [{"idempotency_key": "", "op": "insert", "payload": {}}]}"#,
      "IDEMPOTENCY_KEY_REQUIRED"
    ),
    (
      #"{"records": [{"idempotency_key": 5, "op": "insert", "payload": {}}]}"#,
      "IDEMPOTENCY_KEY_REQUIRED"
    ),
    (#"{"records": [{"idempotency_key": "k", "op": "merge", "payload": {}}]}"#, "INVALID_OP"),
    (#"{"records": [{"idempotency_key": "k", "op": 1, "payload": {}}]}"#, "INVALID_OP"),
    (#"{"records": [{"idempotency_key": "k", "op": "insert"}]}"#, "PAYLOAD_REQUIRED"),
    (
      #"{"records": [{"idempotency_key": "k", "op": "insert", "payload": [1]}]}"#,
      "PAYLOAD_REQUIRED"
    ),
    (
      #"{"records": [{"idempotency_key": "k", "op": "upsert", "payload": {}}]}"#,
      "PRIMARY_KEY_REQUIRED"
    ),
    (
      #"{"records": [{"idempotency_key": "k", "op": "delete", "payload": {}}]}"#,
      "PRIMARY_KEY_REQUIRED"
    ),
    (
      #"{"records": [{"idempotency_key": "k", "op": "insert", "payload": {}, "key": 1}]}"#,
      "UNKNOWN_FIELD"
    ),
    (
      #"{"record": [], "records": [{"idempotency_key": "k", "op": "insert", "payload": {}}]}"#,
      "UNKNOWN_FIELD"
    ),
    (
      #"{"records": [{"idempotency_key": "k", "op": "insert", "payload": {}}], "wait": true}"#,
      "UNKNOWN_FIELD"
    ),
    (
      #"{"records": [{"idempotency_key": "k", "op": "insert", "payload": {}}], "wait_for_visibility": 1}"#,
      "INVALID_FIELD"
    ),
    (
      #"{"records": [{"idempotency_key": "k", "op": "insert", "payload": {}}], "on_error": "skip"}"#,
      "INVALID_FIELD"
    ),
    (
      #"{"records": [{"idempotency_key": "k", "op": "insert", "payload": {}}], "visibility_timeout_ms": -1}"#,
      "INVALID_FIELD"
    ),
    (
      #"{"records": [{"idempotency_key": "k", "op": "insert", "payload": {}}], "visibility_timeout_ms": 1.5}"#,
      "INVALID_FIELD"
    ),
    (
      #"{"records": [{"idempotency_key": "k", "op": "insert", "payload": {}, "event_time": 5}]}"#,
      "SCHEMA_VIOLATION"
    ),
  ])
  func aBadRequestAcceptsNothing(_ body: String, _ code: String) async throws {
    let client = try await Self.tenant()
    try await client.post("/v1/ingest/t", body).expectError(400, code)
    #expect(try await client.get("/v1/lag")["accepted_events"]?.integer == 0)
  }

  @Test func errorsNameTheirRecord() async throws {
    let client = try await Self.tenant()
    let reply = try await client.post(
      "/v1/ingest/t",
      #"{"records": [{"idempotency_key": "a", "op": "insert", "payload": {}}, {"idempotency_key": "b", "op": "insert"}]}"#
    )
    reply.expectError(400, "PAYLOAD_REQUIRED")
    #expect(reply["context", "record_index"]?.integer == 1)
    let unknown = try await client.post(
      "/v1/ingest/t",
      #"{"records": [{"idempotency_key": "a", "op": "insert", "payload": {}, "opp": "insert"}]}"#)
    #expect(unknown["context", "field"]?.text == "opp")
    #expect(unknown["context", "record_index"]?.integer == 0)
    try await client.post("/v1/ingest/t?wait=true", "{}").expectError(400, "UNKNOWN_FIELD")
  }

  @Test func everyViolationIsListedWithItsPlace() async throws {
    let client = try await Self.tenant()
    var records = (0..<10).map { (key: "k\($0)", payload: #"{"id": \#($0)}"#) }
    records[7].payload = #"{"id": "seven", "name": 7}"#
    records[9].payload = #"{"Id": 9}"#
    let reply = try await client.ingest("t", records)
    reply.expectError(400, "SCHEMA_VIOLATION")
    #expect(reply["context", "violation_count"]?.integer == 3)
    let listed = reply["context", "violations"]?.elements ?? []
    #expect(listed.count == 3)
    for violation in listed {
      #expect(violation.memberNames == ["record_index", "column", "expected", "got"])
    }
    #expect(listed.compactMap { $0["record_index"]?.integer } == [7, 7, 9])
    #expect(listed.prefix(2).compactMap { $0["column"]?.text } == ["id", "name"])
    #expect(reply["context", "violations", 0, "expected"]?.text?.contains("BIGINT") == true)
    #expect(reply["context", "violations", 0, "got"]?.text?.contains("seven") == true)
    #expect(reply["context", "violations", 2, "column"]?.text == "Id")
    #expect(reply["context", "violations", 2, "expected"]?.text?.contains("id") == true)
    try await Self.expectRows(0, client)
    // Their keys are free.
    let mended = records.map { (key: $0.key, payload: #"{"id": 1}"#) }
    #expect(try await client.ingest("t", mended)["accepted_count"]?.integer == 10)
  }

  @Test func theEdgeIsStrictAboutTypes() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable(
      "t", "big BIGINT", "small TINYINT", "flag BOOLEAN", "day DATE", "local TIMESTAMP",
      "at TIMESTAMPTZ", "money DECIMAL(5,2)", "id UUID", "huge DECIMAL(38,0)", "doc JSON"
    ).expect(201)
    let refused = [
      #"{"big": "5"}"#, #"{"big": 1.7}"#, #"{"big": 9223372036854775808}"#, #"{"small": 128}"#,
      #"{"flag": 1}"#, #"{"day": "2024-02-30"}"#, #"{"local": "2024-01-01T00:00:00Z"}"#,
      #"{"at": "2024-01-01T00:00:00"}"#, #"{"at": "2024-01-01T00:00:60Z"}"#,
      #"{"at": "2024-01-01T00:00:00.1234567Z"}"#, #"{"money": 1.234}"#, #"{"money": 1234.5}"#,
      #"{"id": "x"}"#, #"{"nosuch": 1}"#,
    ]
    for (index, payload) in refused.enumerated() {
      let reply = try await client.ingest("t", [("r\(index)", payload)])
      #expect(reply.errorCode == "SCHEMA_VIOLATION", "\(payload) \(reply.text)")
    }
    let payload =
      #"{"big":-9223372036854775808,"small":1.0,"flag":true,"day":"2024-02-29","#
      + #""local":"2024-01-01T00:00:00.123456","at":"2024-01-01T02:00:00+02:00","money":"-123.45","#
      + #""id":"8a2f0c1e-0000-4000-8000-000000000001","huge":"99999999999999999999999999999999999999","#
      + #""doc":{"a":[1,{"b":null}]}}"#
    let token = try await client.ingestVisibly("t", key: "ok", payload).expect(200).token
    #expect(
      try await client.rows("SELECT * FROM t", token: token)
        == #"[[-9223372036854775808,1,true,"2024-02-29","2024-01-01T00:00:00.123456","2024-01-01T00:00:00Z","-123.45","8a2f0c1e-0000-4000-8000-000000000001","99999999999999999999999999999999999999",{"a":[1,{"b":null}]}]]"#
    )
  }

  @Test func missingValuesTakeTheirDefaultAndRequiredOnesMustBeThere() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.post(
      "/v1/tables",
      #"""
      {"table_name": "t", "event_time_column": "at", "schema_json": {"columns": [
        {"name": "id", "type": "BIGINT", "nullable": false},
        {"name": "state", "type": "VARCHAR", "default": "it's new"},
        {"name": "at", "type": "TIMESTAMPTZ"}]}}
      """#
    ).expect(201)
    for payload in [#"{}"#, #"{"id": null}"#] {
      let reply = try await client.ingest("t", [("n", payload)])
      reply.expectError(400, "SCHEMA_VIOLATION")
      #expect(reply["context", "violations", 0, "column"]?.text == "id")
    }
    let reply = try await client.post(
      "/v1/ingest/t",
      #"""
      {"wait_for_visibility": true, "records": [
       {"idempotency_key": "a", "op": "insert", "payload": {"id": 1}, "event_time": "2024-01-02T03:04:05+01:00"},
       {"idempotency_key": "b", "op": "insert", "payload": {"id": 2, "state": null, "at": "2020-01-01T00:00:00Z"},
        "event_time": "2024-01-02T03:04:05Z"}]}
      """#
    ).expect(200)
    #expect(
      try await client.rows("SELECT * FROM t ORDER BY id", token: reply.token)
        == #"[[1,"it's new","2024-01-02T02:04:05Z"],[2,null,"2020-01-01T00:00:00Z"]]"#)
    let without = try await Self.tenant()
    let refused = try await without.post(
      "/v1/ingest/t",
      #"{"records": [{"idempotency_key": "a", "op": "insert", "payload": {"id": 1}, "event_time": "2024-01-02T03:04:05Z"}]}"#
    )
    refused.expectError(400, "SCHEMA_VIOLATION")
    #expect(refused["context", "violations", 0, "column"]?.text == "event_time")
  }

  @Test func badRecordsCanGoToTheDeadLetters() async throws {
    let client = try await Self.tenant()
    let reply = try await client.ingest(
      "t", [("a", #"{"id": 1}"#), ("b", #"{"id": "x"}"#), ("c", #"{"id": 3}"#)],
      more: #", "on_error": "dead_letter""#
    ).expect(200)
    #expect(
      reply.json?.compactText
        == #"{"accepted_count":3,"duplicate_count":0,"max_visibility_token":3,"status":"accepted","dead_lettered":[{"index":1,"token":2,"reason":"SCHEMA_VIOLATION"}]}"#
    )
    let named = #", "min_visibility_token": 2"#
    let refused = try await client.query("SELECT 1", more: named)
    refused.expectError(409, "DEAD_LETTERED")
    #expect(refused["context", "token"]?.integer == 2)
    let allowed = try await client.query(
      "SELECT id FROM t ORDER BY id", more: named + #", "allow_dead_letters": true"#)
    #expect(allowed.expect(200)["rows"]?.compactText == "[[1],[3]]")
    #expect(allowed["dead_letter_count"]?.integer == 1)
    // Another token of the same request is a row.
    #expect(
      try await client.rows("SELECT id FROM t ORDER BY id", token: 3) == "[[1],[3]]")

    let list = try await client.get("/v1/dead-letters").expect(200)
    #expect(list["dead_letters"]?.elements?.count == 1)
    let letter = try #require(list["dead_letters", 0])
    #expect(letter["table_name"]?.text == "t" && letter["token"]?.integer == 2)
    #expect(letter["reason"]?.text == "SCHEMA_VIOLATION")
    #expect(letter["idempotency_key"]?.text == "b")
    #expect(letter["payload"]?.compactText == #"{"id":"x"}"#)
    #expect(letter["message"]?.text?.contains("id") == true)
    #expect(try await client.get("/v1/lag")["dead_letter_events"]?.integer == 1)
    // The retry gets the first receipt and adds nothing.
    let again = try await client.ingest(
      "t", [("b", #"{"id": "x"}"#)], more: #", "on_error": "dead_letter""#)
    #expect(again.expect(200)["duplicate_count"]?.integer == 1)
    #expect(try await client.get("/v1/lag")["dead_letter_events"]?.integer == 1)
  }

  @Test func aWaitedWriteThatWasDeadLetteredSaysSo() async throws {
    let client = try await Self.tenant()
    let reply = try await client.ingest(
      "t", [("a", #"{"id": 1}"#), ("b", #"{"id": "x"}"#)],
      more: #", "on_error": "dead_letter", "wait_for_visibility": true"#)
    reply.expectError(422, "DEAD_LETTERED")
    #expect(reply["context", "dead_lettered", 0, "token"]?.integer == 2)
    #expect(reply["context", "dead_lettered", 0, "reason"]?.text == "SCHEMA_VIOLATION")
    #expect(try await client.rows("SELECT id FROM t", token: 1) == "[[1]]")
  }

  @Test func aWaitThatEndsTooSoonTellsTheTokens() async throws {
    let client = try await Self.tenant()
    let reply = try await client.ingest(
      "t", [("a", #"{"id": 1}"#)],
      more: #", "wait_for_visibility": true, "visibility_timeout_ms": 0"#)
    reply.expectError(504, "CONSISTENCY_TIMEOUT")
    #expect(reply["retryable"]?.isTrue == true)
    #expect(reply["context", "requested_token"]?.integer == 1)
    #expect(reply["context", "latest_token"]?.integer == 0)
    // It is durable: the same request again is a duplicate, and becomes visible.
    let again = try await client.ingestVisibly("t", key: "a", #"{"id": 1}"#).expect(200)
    #expect(again["status"]?.text == "partial_duplicate")
    try await Self.expectRows(1, client)
  }

  @Test func aTableThatIsNotThereTakesNothing() async throws {
    let client = try await Self.tenant()
    try await client.ingest("nosuch", [("a", "{}")]).expectError(404, "TABLE_NOT_FOUND")
    let stranger = try ServerProcess.shared.newTenant()
    try await stranger.ingest("t", [("a", "{}")]).expectError(404, "TABLE_NOT_FOUND")
    try await client.ingest("t%00", [("a", "{}")]).expectError(400, "MALFORMED_REQUEST")
  }

  @Test func eventsPendingAtADropAreDeadLettered() async throws {
    let client = try await Self.tenant()
    try await client.createTable("other", "id BIGINT").expect(201)
    // The drop overtakes the events only sometimes; either way each is accounted for once.
    for round in 0..<5 {
      try await client.createTable("gone\(round)", "id BIGINT").expect(201)
      try await client.ingest("gone\(round)", [("k", #"{"id": 1}"#)]).expect(200)
      try await client.delete("/v1/tables/gone\(round)").expect(200)
    }
    let token = try await client.ingestVisibly("other", key: "k", #"{"id": 1}"#).expect(200).token
    #expect(token == 6)
    let letters = try await client.get("/v1/dead-letters")["dead_letters"]?.elements ?? []
    #expect(letters.allSatisfy { $0["reason"]?.text == "TABLE_DROPPED" })
    let lag = try await client.get("/v1/lag").expect(200)
    #expect(lag["pending_events"]?.integer == 0)
    #expect(lag["dead_letter_events"]?.integer == Int64(letters.count))
    for round in 0..<5 {
      try await client.query("FROM gone\(round)").expectError(404, "TABLE_NOT_FOUND")
    }
  }
}
