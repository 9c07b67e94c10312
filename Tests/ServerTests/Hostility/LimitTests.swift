import Foundation
import Runtime
import SimdJSON
import Testing

/// Small limits, so that each is met by a small request.
@Suite(
  .sharedServer([
    "DUCKMESH_MAX_BODY_BYTES": "64KiB", "DUCKMESH_MAX_RECORDS_PER_REQUEST": "2000",
    "DUCKMESH_MAX_IDEMPOTENCY_KEY_BYTES": "16", "DUCKMESH_MAX_NESTING_DEPTH": "8",
    "DUCKMESH_MAX_LISTED_VIOLATIONS": "3", "DUCKMESH_MAX_BUFFERED_RESULT_BYTES": "64KiB",
    "DUCKMESH_MAX_SQL_BYTES": "1KiB", "DUCKMESH_MAX_PENDING_EVENTS_PER_TENANT": "1000",
    "DUCKMESH_MAX_RUNNING_QUERIES_PER_TENANT": "1",
    "DUCKMESH_MAX_WAITING_QUERIES_PER_TENANT": "1",
  ])) struct LimitTests
{
  private static func tenant() async throws -> APIClient {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT", "doc JSON").expect(201)
    return client
  }

  private static func expectNothing(_ client: APIClient) async throws {
    #expect(try await client.get("/v1/lag")["accepted_events"]?.integer == 0)
  }

  @Test func theLimitsInForceAreShown() async throws {
    let limits = try await ServerProcess.shared.client().get("/v1/limits").expect(200)
    #expect(limits["body_bytes"]?.integer == 65_536)
    #expect(limits["records_per_request"]?.integer == 2_000)
    #expect(limits["running_queries_per_tenant"]?.integer == 1)
  }

  @Test func aBodyHasALimit() async throws {
    let client = try await Self.tenant()
    let body = #"{"records": []}"# + String(repeating: " ", count: 65_536)
    for path in ["/v1/ingest/t", "/v1/query", "/v1/tables"] {
      let reply = try await client.with("Connection", "close").post(path, body)
      reply.expectError(413, "PAYLOAD_TOO_LARGE")
      #expect(reply["context", "maximum_bytes"]?.integer == 65_536)
    }
    let fits = #"{"records": []}"#
    try await client.post(
      "/v1/ingest/t", fits + String(repeating: " ", count: 65_536 - fits.utf8.count)
    ).expectError(400, "RECORDS_REQUIRED")
  }

  @Test func aChunkedBodyHasTheSameLimit() async throws {
    let client = try await Self.tenant()
    let head =
      "POST /v1/ingest/t HTTP/1.1\r\nHost: 127.0.0.1:\(client.server.port)\r\n"
      + "X-Tenant-ID: \(client.tenant ?? "")\r\nContent-Type: application/json\r\n"
      + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    let chunk = "4000\r\n" + String(repeating: " ", count: 0x4000) + "\r\n"
    let text = head + String(repeating: chunk, count: 5) + "0\r\n\r\n"
    let answer = try await RawConnection.exchange(client.server, Array(text.utf8))
    #expect(answer.status == 413 && answer.text.contains("PAYLOAD_TOO_LARGE"), "\(answer.text)")
    try await Self.expectNothing(client)
  }

  @Test func recordsKeysAndNestingHaveLimits() async throws {
    let client = try await Self.tenant()
    let many = (0...2_000).map { (key: "k\($0)", payload: "{}") }
    // Short records, so that the body's own limit is not met first.
    let list = many.map { _ in "1" }.joined(separator: ",")
    let records = try await client.post("/v1/ingest/t", #"{"records": [\#(list)]}"#)
    records.expectError(400, "LIMIT_EXCEEDED")
    #expect(records["context", "limit"]?.text == "records_per_request")
    #expect(records["context", "maximum"]?.integer == 2_000)

    let key = try await client.ingest("t", [("ok", "{}"), ("0123456789abcdef0", "{}")])
    key.expectError(400, "LIMIT_EXCEEDED")
    #expect(key["context", "limit"]?.text == "idempotency_key_bytes")
    #expect(key["context", "record_index"]?.integer == 1)

    let deep = String(repeating: "[", count: 8) + String(repeating: "]", count: 8)
    let nested = try await client.ingest("t", [("ok", #"{"doc": \#(deep)}"#)])
    nested.expectError(400, "LIMIT_EXCEEDED")
    #expect(nested["context", "limit"]?.text == "json_nesting")
    try await Self.expectNothing(client)
    try await client.ingest("t", [("0123456789abcdef", #"{"doc": [[[]]]}"#)]).expect(200)
  }

  @Test func violationsAreListedUpToALimitAndAllCounted() async throws {
    let client = try await Self.tenant()
    let records = (0..<5).map { (key: "k\($0)", payload: #"{"id": "x"}"#) }
    let reply = try await client.ingest("t", records)
    reply.expectError(400, "SCHEMA_VIOLATION")
    #expect(reply["context", "violations"]?.elements?.count == 3)
    #expect(reply["context", "violation_count"]?.integer == 5)
    try await Self.expectNothing(client)
  }

  @Test func moreThanMayBePendingIsRefused() async throws {
    let client = try await Self.tenant()
    let records = (0...1_000).map { (key: "\($0)", payload: "{}") }
    let reply = try await client.ingest("t", records)
    reply.expectError(429, "QUEUE_FULL")
    try await Self.expectNothing(client)
    try await client.ingest("t", Array(records.prefix(1_000))).expect(200)
  }

  @Test func statementsAndResultsHaveLimits() async throws {
    let client = try await Self.tenant()
    let sql = try await client.query("SELECT 1 --" + String(repeating: "x", count: 1_014))
    sql.expectError(400, "LIMIT_EXCEEDED")
    #expect(sql["context", "limit"]?.text == "sql")
    try await client.query("SELECT 1 --" + String(repeating: "x", count: 1_013)).expect(200)
    try await client.query("SELECT repeat('x', 70000)").expectError(413, "RESULT_TOO_LARGE")
    try await client.query("SELECT repeat('x', 1000) FROM range(100)")
      .expectError(413, "RESULT_TOO_LARGE")
    // A stream is bounded by its client's pace alone.
    let stream = try await client.with("Accept", "text/csv")
      .query("SELECT repeat('x', 1000) FROM range(100)").expect(200)
    #expect(stream.response.trailer("X-DuckMesh-Row-Count") == "100")
  }

  @Test func queriesOfATenantAreBounded() async throws {
    let client = try await Self.tenant()
    let endless = "SELECT count(*) FROM range(10000000000) a, range(10000000000) b"
    #expect(try await client.rows("SELECT 1") == "[[1]]")
    // One runs and one waits, whichever they are: the third finds no place.
    async let first = client.query(endless, more: #", "timeout_ms": 2000"#)
    async let second = client.query(endless, more: #", "timeout_ms": 2000"#)
    async let third = client.query(endless, more: #", "timeout_ms": 2000"#)
    let replies = try await [first, second, third].sorted { $0.status < $1.status }
    replies[0].expectError(429, "QUERY_QUEUE_FULL")
    replies[1].expectError(504, "QUERY_TIMEOUT")
    replies[2].expectError(504, "QUERY_TIMEOUT")
    #expect(try await client.rows("SELECT 1") == "[[1]]")
  }
}

@Suite struct TenantLimitTests {
  @Test func openTenantsAreBounded() async throws {
    try await ServerProcess.with(["DUCKMESH_MAX_OPEN_TENANTS": "2"]) { server in
      try await server.client().createTable("t", "id BIGINT").expect(201)
      try await server.client(tenant: "second").createTable("t", "id BIGINT").expect(201)
      let third = try await server.client(tenant: "third").createTable("t", "id BIGINT")
      third.expectError(403, "TENANT_LIMIT_REACHED")
      #expect(third["context", "maximum"]?.integer == 2)
      try await server.client(tenant: "second").createTable("u", "id BIGINT").expect(201)
    }
  }
}
