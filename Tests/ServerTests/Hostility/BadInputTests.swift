import SimdJSON
import Testing

/// What no proper client sends: a documented error, nothing half-accepted, a healthy server.
@Suite(.sharedServer(["DUCKMESH_REQUEST_READ_TIMEOUT_MS": "1000"])) struct BadInputTests {
  private static func tenant() async throws -> APIClient {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT", "name VARCHAR", "doc JSON").expect(201)
    return client
  }

  /// Nothing was accepted, and the next write is.
  private static func expectUntouched(_ client: APIClient) async throws {
    #expect(try await client.get("/v1/lag")["accepted_events"]?.integer == 0)
    let reply = try await client.ingestVisibly("t", key: "after", #"{"id": 1}"#)
    #expect(reply.expect(200).token == 1)
    #expect(try await client.rows("SELECT count(*) FROM t", token: 1) == "[[1]]")
  }

  private static func head(_ client: APIClient, _ more: String...) -> String {
    let lines = [
      "POST /v1/ingest/t HTTP/1.1", "Host: 127.0.0.1:\(client.server.port)",
      "X-Tenant-ID: \(client.tenant ?? "")", "Content-Type: application/json",
    ]
    return (lines + more).joined(separator: "\r\n") + "\r\n\r\n"
  }

  private static let good = #"{"idempotency_key": "g", "op": "insert", "payload": {"id": 1}}"#

  @Test(arguments: [
    (
      #"{"records": [GOOD, {"idempotency_key": "k", "op": "insert", "payload": {"id": 1}}"#,
      "INVALID_JSON"
    ),
    (#"{"records": [GOOD, ]}"#, "INVALID_JSON"),
    (#"{"records": [GOOD]} x"#, "INVALID_JSON"),
    (#"{"records": [GOOD]}{}"#, "INVALID_JSON"),
    (#"{"records": [GOOD], "records": [GOOD]}"#, "INVALID_JSON"),
    (
      #"{"records": [GOOD, {"idempotency_key": "k", "op": "insert", "payload": {"id": 1, "id": 2}}]}"#,
      "INVALID_JSON"
    ),
    (
      #"{"records": [GOOD, {"idempotency_key": "k", "op": "insert", "payload": {"doc": {"a": 1, "a": 2}}}]}"#,
      "INVALID_JSON"
    ),
    (
      #"{"records": [GOOD, {"idempotency_key": "k", "idempotency_key": "l", "op": "insert", "payload": {}}]}"#,
      "INVALID_JSON"
    ),
    (
      #"{"records": [GOOD, {"idempotency_key": "k", "op": "insert", "payload": {"id": 01}}]}"#,
      "INVALID_JSON"
    ),
    (
      #"{"records": [GOOD, {"idempotency_key": "k", "op": "insert", "payload": {"id": NaN}}]}"#,
      "INVALID_JSON"
    ),
    (
      #"{"records": [GOOD, {"idempotency_key": "k", "op": "insert", "payload": {"name": "\ud800"}}]}"#,
      "INVALID_JSON"
    ),
    (
      #"{"records": [GOOD, {"idempotency_key": "k", "op": "insert", "payload": {"name": "\x"}}]}"#,
      "INVALID_JSON"
    ),
    (#"{'records': []}"#, "INVALID_JSON"),
    (
      #"{"records": [GOOD, {"idempotency_kye": "k", "op": "insert", "payload": {}}]}"#,
      "UNKNOWN_FIELD"
    ),
    (#"{"records": [GOOD], "wait_for_visibilty": true}"#, "UNKNOWN_FIELD"),
    (
      #"{"records": [GOOD, {"idempotency_key": "k", "op": "insert", "payload": {"nmae": "x"}}]}"#,
      "SCHEMA_VIOLATION"
    ),
  ])
  func badTextIsRefusedWhole(_ body: String, _ code: String) async throws {
    let client = try await Self.tenant()
    try await client.post("/v1/ingest/t", body.replacing("GOOD", with: Self.good))
      .expectError(400, code)
    try await Self.expectUntouched(client)
  }

  @Test(arguments: [
    [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0x00], [0x1F],
  ])
  func badBytesAreRefusedEverywhere(_ bytes: [UInt8]) async throws {
    let client = try await Self.tenant()
    for place in ["name", "nam\u{7F}", "key"] {
      let text =
        place == "key"
        ? #"{"records": [{"idempotency_key": "k\#u{1}", "op": "insert", "payload": {}}]}"#
        : #"{"records": [{"idempotency_key": "k", "op": "insert", "payload": {"\#(place)": "a\#u{1}"}}]}"#
      let body = Array(text.utf8).flatMap { $0 == 1 ? bytes : [$0] }
      try await client.send("POST", "/v1/ingest/t", body, contentType: "application/json")
        .expectError(400, "INVALID_JSON")
    }
    let sql = Array("{\"sql\": \"SELECT '".utf8) + bytes + Array("'\"}".utf8)
    try await client.send("POST", "/v1/query", sql, contentType: "application/json")
      .expectError(400, "INVALID_JSON")
    try await Self.expectUntouched(client)
  }

  @Test func escapedNULsAreValuesOrViolations() async throws {
    let client = try await Self.tenant()
    let reply = try await client.ingest("t", [("k", #"{"name": "a\u0000b"}"#)])
    if reply.status == 200 {
      #expect(
        try await client.rows("SELECT length(name) FROM t", token: reply.token) == "[[3]]")
    } else {
      reply.expectError(400, "SCHEMA_VIOLATION")
      try await Self.expectUntouched(client)
    }
    try await client.query("SELECT 'a\u{0}b'").expectError(400, "INVALID_SQL")
  }

  @Test func aMegabyteOfKeyIsRefused() async throws {
    let client = try await Self.tenant()
    let key = String(repeating: "k", count: 1 << 20)
    let reply = try await client.ingest("t", [("g", "{}"), (key, "{}")])
    reply.expectError(400, "LIMIT_EXCEEDED")
    #expect(reply["context", "maximum"]?.integer == 512)
    #expect(reply.text.utf8.count < 1_000)
    try await Self.expectUntouched(client)
  }

  @Test(arguments: [65, 1_000, 1_000_000])
  func deepNestingIsRefusedOnEveryRoute(_ depth: Int) async throws {
    let client = try await Self.tenant()
    let deep =
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    try await client.ingest("t", [("k", #"{"doc": \#(deep)}"#)])
      .expectError(400, "LIMIT_EXCEEDED")
    try await client.query("SELECT 1", more: #", "params": \#(deep)"#)
      .expectError(400, "LIMIT_EXCEEDED")
    try await client.post("/v1/tables", #"{"table_name": \#(deep)}"#)
      .expectError(400, "LIMIT_EXCEEDED")
    try await Self.expectUntouched(client)
  }

  @Test func aHundredMegabytesAreRefusedByTheirLength() async throws {
    let client = try await Self.tenant()
    let answer = try await RawConnection.exchange(
      client.server, Array(Self.head(client, "Content-Length: 104857600").utf8))
    #expect(answer.status == 413 && answer.text.contains("PAYLOAD_TOO_LARGE"), "\(answer.text)")
    try await Self.expectUntouched(client)
  }

  @Test func aSlowClientIsEnded() async throws {
    let client = try await Self.tenant()
    let body = #"{"records": [\#(Self.good)]}"#
    let head = Self.head(client, "Content-Length: \(body.utf8.count)", "Connection: close")
    let answer = try await RawConnection.run(to: client.server) { connection in
      connection.send(head + body.prefix(20))
      return RawAnswer(connection.readToEnd())
    }
    #expect(answer.status == 408 && answer.text.contains("REQUEST_TIMEOUT"), "\(answer.text)")
    let headAlone = try await RawConnection.run(to: client.server) { connection in
      connection.send("POST /v1/ingest/t HTTP/1.1\r\nHost: ")
      return connection.readToEnd().count
    }
    #expect(headAlone >= 0)
    try await Self.expectUntouched(client)
  }

  @Test func aConnectionCutInMidBodyLeavesNothing() async throws {
    let client = try await Self.tenant()
    let body = #"{"records": [\#(Self.good)]}"#
    let chunk = String(body.utf8.count, radix: 16)
    let requests = [
      Self.head(client, "Content-Length: \(body.utf8.count)") + body.dropLast(),
      Self.head(client, "Content-Length: \(body.utf8.count + 1)") + body,
      // The whole text is there, its end is not.
      Self.head(client, "Transfer-Encoding: chunked") + "\(chunk)\r\n\(body)\r\n",
      Self.head(client, "Transfer-Encoding: chunked") + "\(chunk)\r\n\(body)\r\n0\r\n",
    ]
    for request in requests {
      let left = try await RawConnection.run(to: client.server) { connection in
        connection.send(request)
        connection.finishSending()
        return RawAnswer(connection.readToEnd())
      }
      #expect(left.status == 0 || left.status == 400, "\(left.text)")
    }
    try await Self.expectUntouched(client)
  }

  @Test(arguments: [
    ["Content-Length: 5", "Content-Length: 6"], ["Content-Length: -1"], ["Content-Length: x"],
    ["Content-Length: 5", "Transfer-Encoding: chunked"], ["Transfer-Encoding: gzip, chunked"],
    ["X-Bad Name: 1", "Content-Length: 2"], ["Content-Length: 99999999999999999999"],
  ])
  func badFramingIsRefused(_ lines: [String]) async throws {
    let client = try await Self.tenant()
    let request =
      Self.head(client).dropLast() + lines.joined(separator: "\r\n") + "\r\n\r\n{}"
    let answer = try await RawConnection.run(to: client.server) { connection in
      connection.send(String(request))
      connection.finishSending()
      return RawAnswer(connection.readToEnd())
    }
    #expect((400..<500).contains(answer.status), "\(answer.text)")
    try await Self.expectUntouched(client)
  }

  @Test func aClientThatGoesAwayCancelsItsQuery() async throws {
    let client = try await Self.tenant()
    let body =
      #"{"sql": "SELECT count(*) FROM range(10000000000) a, range(10000000000) b", "timeout_ms": 60000}"#
    let head =
      "POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1:\(client.server.port)\r\n"
      + "X-Tenant-ID: \(client.tenant ?? "")\r\nContent-Type: application/json\r\n"
      + "Content-Length: \(body.utf8.count)\r\n\r\n"
    // As many as may run at once, so that the next query waits until one of them has ended.
    let places = try await client.get("/v1/limits")["running_queries_per_tenant"]?.integer ?? 0
    for _ in 0..<places {
      try await RawConnection.run(to: client.server) { connection in
        _ = connection.send(head + body)
      }
    }
    #expect(try await client.query("SELECT 1", more: #", "timeout_ms": 20000"#).status == 200)
  }
}
