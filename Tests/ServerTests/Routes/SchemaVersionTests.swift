import Testing

@Suite(.sharedServer()) struct SchemaVersionTests {
  private static func schema(_ columns: String) -> String {
    #"{"schema_json": {"columns": [\#(columns)]}}"#
  }

  private static let visits = #"""
    {"name": "page", "type": "VARCHAR"}, {"name": "ms", "type": "INTEGER", "nullable": false}
    """#

  private func makeVisits(_ client: APIClient) async throws {
    try await client.post(
      "/v1/tables", #"{"table_name": "visits", "schema_json": {"columns": [\#(Self.visits)]}}"#
    ).expect(201)
    try await client.ingest(
      "visits", [(key: "1", payload: #"{"page": "/", "ms": 5}"#)],
      more: #", "wait_for_visibility": true"#
    ).expect(200)
  }

  private func patch(_ client: APIClient, _ body: String) async throws -> Reply {
    try await client.send(
      "PATCH", "/v1/tables/visits", Array(body.utf8), contentType: "application/json")
  }

  @Test func aTableIsAlteredAndEverySnapshotKeepsItsShape() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await makeVisits(client)
    let before = try await client.query("SELECT * FROM visits").expect(200)
    let snapshot = try #require(before["snapshot_id"]?.integer)

    let change = Self.schema(
      #"""
      {"name": "country", "type": "VARCHAR", "default": "unknown", "comment": "by address"},
      {"name": "page", "type": "VARCHAR"},
      {"name": "duration", "type": "BIGINT", "nullable": false, "renamed_from": "ms"}
      """#)
    let altered = try await patch(client, change).expect(200)
    #expect(altered["schema_version"]?.integer == 2)
    #expect(
      altered["changes"]?.elements?.compactMap { $0["change"]?.text } == [
        "add", "rename", "widen",
      ])
    // Said again it changes nothing.
    let again = try await patch(client, change).expect(200)
    #expect(again["schema_version"]?.integer == 2)
    #expect(again["changes"]?.elements == [])

    let after = try await client.query("SELECT * FROM visits").expect(200)
    #expect(after["columns"]?.compactText == #"["country","page","duration"]"#)
    #expect(after["types"]?.compactText == #"["VARCHAR","VARCHAR","BIGINT"]"#)
    #expect(after["rows"]?.compactText == #"[["unknown","/",5]]"#)
    let then = try await client.query(
      "SELECT * FROM visits", more: #", "snapshot_id": \#(snapshot)"#
    ).expect(200)
    #expect(then["columns"]?.compactText == #"["page","ms"]"#)
    #expect(then["rows"]?.compactText == #"[["/",5]]"#)

    let list = try await client.get("/v1/tables/visits/schemas").expect(200)
    let versions = try #require(list["schemas"]?.elements)
    #expect(versions.compactMap { $0["schema_version"]?.integer } == [2, 1])
    #expect(versions[0]["schema_json"] == altered["schema_json"])
    let page = try await client.get("/v1/tables/visits/schemas?limit=1").expect(200)
    let token = try #require(page["next_page_token"]?.text)
    let rest = try await client.get("/v1/tables/visits/schemas?limit=1&page_token=\(token)")
      .expect(200)
    #expect(rest["schemas"]?.elements == [versions[1]])
    #expect(rest["next_page_token"] == nil)

    // What is sent as before is refused, what was accepted before is a duplicate.
    let old = try await client.ingest("visits", [(key: "2", payload: #"{"page": "/", "ms": 5}"#)])
    old.expectError(400, "SCHEMA_VIOLATION")
    let retry = try await client.ingest("visits", [(key: "1", payload: #"{"page": "/", "ms": 5}"#)])
      .expect(200)
    #expect(retry["duplicate_count"]?.integer == 1)
    try await client.ingest("visits", [(key: "3", payload: #"{"duration": 9007199254740993}"#)])
      .expect(200)
  }

  @Test func aRefusalNamesEveryColumn() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await makeVisits(client)
    let refused = try await patch(
      client,
      #"""
      {"compatibility_mode": "forward", "schema_json": {"columns": [
        {"name": "ms", "type": "BIGINT", "nullable": false}]}}
      """#)
    refused.expectError(409, "SCHEMA_INCOMPATIBLE")
    let columns = refused["context"]?["columns"]?.elements ?? []
    #expect(columns.compactMap { $0["column"]?.text } == ["ms", "page"])
    #expect(columns.compactMap { $0["change"]?.text } == ["widen", "drop"])
    // Nothing of it happened, the mode included.
    let table = try await client.get("/v1/tables/visits").expect(200)
    #expect(table["schema_version"]?.integer == 1)
    #expect(table["compatibility_mode"]?.text == "backward")

    let mode = try await patch(client, #"{"compatibility_mode": "full"}"#).expect(200)
    #expect(mode["compatibility_mode"]?.text == "full")
    #expect(mode["schema_version"]?.integer == 1)
    try await patch(client, #"{}"#).expectError(400, "INVALID_FIELD")
    try await patch(client, #"{"schema": {}}"#).expectError(400, "UNKNOWN_FIELD")
    try await patch(client, Self.schema(#"{"name": "a b", "type": "BIGINT"}"#))
      .expectError(400, "SCHEMA_INVALID")
  }

  @Test func aChangeCanBeTriedAndHeldAgainstAVersion() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await makeVisits(client)
    let more = Self.visits + #", {"name": "more", "type": "DATE"}"#
    let tried = try await patch(
      client, #"{"dry_run": true, "schema_json": {"columns": [\#(more)]}}"#
    ).expect(200)
    #expect(tried["schema_version"]?.integer == 1)
    #expect(tried["changes"]?.elements?.count == 1)
    try await patch(client, #"{"base_version": 2, "schema_json": {"columns": [\#(more)]}}"#)
      .expectError(409, "SCHEMA_VERSION_CHANGED")
    let made = try await patch(
      client, #"{"base_version": 1, "schema_json": {"columns": [\#(more)]}}"#
    ).expect(200)
    #expect(made["schema_version"]?.integer == 2)
  }

  @Test func aTableIsProposedFromASampleAndMade() async throws {
    let client = try ServerProcess.shared.newTenant()
    let sample = #"""
      "sample_records": [{"id": 1, "at": "2024-02-29T12:00:00Z", "price": 9.5},
                         {"id": 2, "tags": ["new"], "price": 12}]
      """#
    let proposal = try await client.post(
      "/v1/tables",
      #"{"table_name": "orders", "dry_run": true, "primary_key_cols": ["id"], \#(sample)}"#
    ).expect(200)
    #expect(
      proposal["schema_json"]?["columns"]?.elements?.compactMap { $0["type"]?.text } == [
        "BIGINT", "TIMESTAMP WITH TIME ZONE", "DOUBLE", "JSON",
      ])
    try await client.get("/v1/tables/orders").expectError(404, "TABLE_NOT_FOUND")
    let made = try await client.post(
      "/v1/tables",
      #"{"table_name": "orders", "primary_key_cols": ["id"], \#(sample)}"#
    ).expect(201)
    #expect(made["schema_json"] == proposal["schema_json"])
    try await client.post(
      "/v1/tables", #"{"table_name": "x", "sample_records": [{"a b": 1}]}"#
    ).expectError(400, "SCHEMA_INVALID")
    try await client.post("/v1/tables", #"{"table_name": "x", "sample_records": [1]}"#)
      .expectError(400, "INVALID_FIELD")
  }
}
