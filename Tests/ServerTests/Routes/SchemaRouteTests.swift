import SimdJSON
import Testing

/// What tools ask about tables: `information_schema`, and `GET /v1/ui/schema`.
@Suite(.sharedServer()) struct SchemaRouteTests {
  private static func tenant() async throws -> APIClient {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("Orders", "id BIGINT", "amount DECIMAL(18,2)").expect(201)
    try await client.createTable("empty", "x DOUBLE").expect(201)
    for id in 1...5 {
      try await client.ingestVisibly("Orders", key: "k\(id)", #"{"id": \#(id), "amount": 1.5}"#)
        .expect(200)
    }
    return client
  }

  @Test func theSchemaHasTablesColumnsAndSomeRows() async throws {
    let client = try await Self.tenant()
    let reply = try await client.get("/v1/ui/schema").expect(200)
    #expect(
      reply.json?.members?.map(\.name) == [
        "tenant_id", "snapshot_id", "snapshot_time", "max_visibility_token", "tables",
      ])
    #expect(reply.token == 5 && reply["tenant_id"]?.text == client.tenant)
    #expect(reply["tables", 0, "table_name"]?.text == "empty")
    #expect(reply["tables", 0, "sample_rows"]?.compactText == "[]")
    #expect(
      reply["tables", 0, "columns"]?.compactText
        == #"[{"name":"x","type":"DOUBLE","nullable":true}]"#)
    #expect(reply["tables", 1, "table_name"]?.text == "Orders")
    let rows = try #require(reply["tables", 1, "sample_rows"]?.elements)
    #expect(rows.count == 3 && rows.allSatisfy { $0.elements?.count == 2 })

    let none = try await client.get("/v1/ui/schema?sample_rows=0").expect(200)
    #expect(none["tables", 1, "sample_rows"]?.compactText == "[]")
    let all = try await client.get("/v1/ui/schema?sample_rows=20").expect(200)
    #expect(all["tables", 1, "sample_rows"]?.elements?.count == 5)
  }

  @Test func theSchemaComesInPagesAndRefusesNonsense() async throws {
    let client = try await Self.tenant()
    let first = try await client.get("/v1/ui/schema?limit=1").expect(200)
    #expect(first["tables"]?.elements?.count == 1)
    #expect(first["tables", 0, "table_name"]?.text == "empty")
    let token = try #require(first["next_page_token"]?.text)
    let second = try await client.get("/v1/ui/schema?limit=1&page_token=\(token)").expect(200)
    #expect(second["tables", 0, "table_name"]?.text == "Orders")
    #expect(second["next_page_token"] == nil)
    for query in ["sample_rows=-1", "sample_rows=x", "sample_rows="] {
      try await client.get("/v1/ui/schema?\(query)").expectError(400, "INVALID_FIELD")
    }
    try await client.get("/v1/ui/schema?sample_rows=21").expectError(400, "LIMIT_EXCEEDED")
    try await client.get("/v1/ui/schema?samples=1").expectError(400, "UNKNOWN_FIELD")
    var stranger = client
    stranger.tenant = "nobody-yet"
    try await stranger.get("/v1/ui/schema").expectError(404, "TENANT_NOT_FOUND")
  }

  @Test func rowsTooLargeToShowLeaveTheirTableWithColumns() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("wide", "text VARCHAR").expect(201)
    let text = String(repeating: "x", count: 200_000)
    for key in ["a", "b"] {
      try await client.ingestVisibly("wide", key: key, #"{"text": "\#(text)"}"#).expect(200)
    }
    let reply = try await client.get("/v1/ui/schema").expect(200)
    #expect(reply["tables", 0, "sample_rows"]?.compactText == "null")
    #expect(reply["tables", 0, "columns", 0, "name"]?.text == "text")
    let one = try await client.get("/v1/ui/schema?sample_rows=1").expect(200)
    #expect(one["tables", 0, "sample_rows"]?.elements?.count == 1)
  }

  @Test func theListIsThatOfTheQuerysSnapshotAndOfTheTenantAlone() async throws {
    let client = try await Self.tenant()
    let stranger = try await Self.tenant()
    try await stranger.createTable("secret", "id BIGINT").expect(201)
    let before = try #require(try await client.query("SELECT 1")["snapshot_id"]?.integer)
    try await client.createTable("later", "y DATE").expect(201)
    try await client.delete("/v1/tables/empty").expect(200)
    let names = "SELECT table_name FROM information_schema.tables ORDER BY 1"
    #expect(try await client.rows(names) == #"[["Orders"],["later"]]"#)
    #expect(try await client.rows("SHOW TABLES") == #"[["Orders"],["later"]]"#)
    let old = try await client.query(names, more: #", "snapshot_id": \#(before)"#).expect(200)
    #expect(old["rows"]?.compactText == #"[["Orders"],["empty"]]"#)
    #expect(
      try await client.rows(
        "SELECT DISTINCT table_name, column_name FROM information_schema.columns "
          + "WHERE table_name <> 'Orders'") == #"[["later","y"]]"#)
    #expect(
      try await client.rows(
        "SELECT table_name FROM information_schema.tables t JOIN Orders ON true "
          + "GROUP BY 1 ORDER BY 1") == #"[["Orders"],["later"]]"#)
  }
}
