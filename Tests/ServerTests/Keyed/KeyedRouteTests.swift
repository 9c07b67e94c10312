import SimdJSON
import Testing

/// Keyed tables as a client meets them.
@Suite(.sharedServer()) struct KeyedRouteTests {
  private static func tenant(onExistingKey rule: String? = nil) async throws -> APIClient {
    let client = try ServerProcess.shared.newTenant()
    try await client.createStock(onExistingKey: rule).expect(201)
    return client
  }

  private static func upsert(_ key: String, _ id: Int, _ note: String) -> String {
    APIClient.record(key, "upsert", #"{"id": \#(id), "note": "\#(note)"}"#)
  }

  private static func delete(_ key: String, _ id: Int) -> String {
    APIClient.record(key, "delete", #"{"id": \#(id)}"#)
  }

  @Test func aTableSaysItsKey() async throws {
    let client = try await Self.tenant()
    let table = try await client.get("/v1/tables/stock").expect(200)
    #expect(table["primary_key_cols"]?.compactText == #"["id"]"#)
    #expect(table["on_existing_key"]?.text == "upsert")
    #expect(
      table["schema_json", "columns", 0]?.compactText
        == #"{"name":"id","type":"BIGINT","nullable":false}"#)
    #expect(table["schema_json", "columns", 1, "nullable"]?.isTrue == true)
    try await client.createTable("plain", "id BIGINT").expect(201)
    let plain = try await client.get("/v1/tables/plain").expect(200)
    #expect(plain["primary_key_cols"]?.compactText == "[]" && plain["on_existing_key"] == nil)
  }

  @Test(arguments: [
    #""primary_key_cols": "id""#, #""primary_key_cols": [1]"#, #""primary_key_cols": ["no"]"#,
    #""primary_key_cols": ["ID"]"#, #""primary_key_cols": ["id", "id"]"#,
    #""primary_key_cols": ["amount"]"#, #""primary_key_cols": ["body"]"#,
    #""primary_key_cols": ["id"], "on_existing_key": "replace""#,
    #""on_existing_key": "upsert""#, #""primary_key_cols": [], "on_existing_key": "upsert""#,
  ])
  func badKeysAreRefused(_ members: String) async throws {
    let client = try ServerProcess.shared.newTenant()
    let reply = try await client.createTable(
      "t", "id BIGINT", "amount DOUBLE", "body JSON", more: ", \(members)")
    reply.expectError(400, "INVALID_FIELD")
  }

  @Test func rowsAreAddedReplacedAndTakenAway() async throws {
    let client = try await Self.tenant()
    let first = try await client.changeVisibly(
      Self.upsert("a", 1, "one"), Self.upsert("b", 2, "two"),
      APIClient.record("c", "insert", #"{"id": 3, "note": "three"}"#)
    ).expect(200)
    let second = try await client.changeVisibly(
      Self.upsert("d", 1, "uno"), Self.delete("e", 2),
      APIClient.record("f", "insert", #"{"id": 3}"#)
    ).expect(200)
    let third = try await client.changeVisibly(
      Self.delete("g", 9), Self.upsert("h", 2, "due"), Self.upsert("i", 2, "deux")
    ).expect(200)
    #expect(try await client.stockRows() == #"[[1,"uno"],[2,"deux"],[3,null]]"#)
    let before = try #require(first["visible_snapshot_id"]?.integer)
    let between = try #require(second["visible_snapshot_id"]?.integer)
    for _ in 0..<2 {
      #expect(
        try await client.stockRows(more: #", "snapshot_id": \#(before)"#)
          == #"[[1,"one"],[2,"two"],[3,"three"]]"#)
      #expect(
        try await client.stockRows(more: #", "snapshot_id": \#(between)"#)
          == #"[[1,"uno"],[3,null]]"#)
      // What is rewritten shows the same.
      try await client.post("/v1/compaction/run").expect(200)
    }
    #expect(third.token == 9)
    // A retry does nothing, whatever came after.
    let again = try await client.changeVisibly(Self.delete("e", 2)).expect(200)
    #expect(again["duplicate_count"]?.integer == 1 && again.token == 5)
    #expect(try await client.stockRows() == #"[[1,"uno"],[2,"deux"],[3,null]]"#)
    try await client.change([Self.upsert("e", 2, "other")]).expectError(
      409, "IDEMPOTENCY_KEY_REUSED")
    let lag = try await client.get("/v1/lag").expect(200)
    #expect(lag["accepted_events"]?.integer == 9)
    try await client.post("/v1/integrity/run").expect(200)
  }

  @Test func eachRecordNeedsItsKey() async throws {
    let client = try await Self.tenant()
    let cases = [
      (#"{"note": "x"}"#, "upsert"), (#"{"id": null}"#, "insert"), (#"{"note": "x"}"#, "delete"),
      (#"{"id": null}"#, "delete"), (#"{"id": 1, "note": 5}"#, "delete"),
      (#"{"id": 1, "no": 5}"#, "delete"),
    ]
    for (payload, operation) in cases {
      let reply = try await client.change([APIClient.record("k", operation, payload)])
      reply.expectError(400, "SCHEMA_VIOLATION")
    }
    try await client.changeVisibly(
      APIClient.record("k", "delete", #"{"id": 1, "note": "ignored"}"#)
    ).expect(200)
    try await client.change([APIClient.record("l", "replace", #"{"id": 1}"#)]).expectError(
      400, "INVALID_OP")
    try await client.createTable("plain", "id BIGINT").expect(201)
    for operation in ["upsert", "delete"] {
      try await client.change([APIClient.record("k", operation, #"{"id": 1}"#)], table: "plain")
        .expectError(400, "PRIMARY_KEY_REQUIRED")
    }
  }

  @Test func aDefaultCountsAsAKeysValue() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.post(
      "/v1/tables",
      #"""
      {"table_name": "stock", "primary_key_cols": ["shop", "id"], "schema_json": {"columns": [
        {"name": "id", "type": "BIGINT"}, {"name": "note", "type": "VARCHAR"},
        {"name": "shop", "type": "VARCHAR", "default": "main"}]}}
      """#
    ).expect(201)
    _ = try await client.changeVisibly(
      Self.upsert("a", 1, "one"), APIClient.record("b", "upsert", #"{"id": 1, "shop": "side"}"#)
    ).expect(200)
    _ = try await client.changeVisibly(Self.upsert("c", 1, "uno")).expect(200)
    #expect(
      try await client.rows("SELECT shop, note FROM stock ORDER BY shop")
        == #"[["main","uno"],["side",null]]"#)
    _ = try await client.changeVisibly(Self.delete("d", 1)).expect(200)
    #expect(try await client.rows("SELECT shop FROM stock") == #"[["side"]]"#)
  }

  @Test func anInsertOfAKeyThatIsThereIsADeadLetterWhereTheTableSaysSo() async throws {
    let client = try await Self.tenant(onExistingKey: "dead_letter")
    func insert(_ key: String, _ id: Int) -> String {
      APIClient.record(key, "insert", #"{"id": \#(id), "note": "\#(key)"}"#)
    }
    _ = try await client.changeVisibly(insert("a", 1)).expect(200)
    let refused = try await client.changeVisibly(insert("b", 1), insert("c", 2), insert("d", 2))
    refused.expectError(422, "DEAD_LETTERED")
    let letters = try await client.get("/v1/dead-letters").expect(200)
    let reasons = letters["dead_letters"]?.elements?.map { $0["reason"]?.text } ?? []
    #expect(reasons == ["KEY_EXISTS", "KEY_EXISTS"], "\(letters.text)")
    #expect(try await client.stockRows() == #"[[1,"a"],[2,"c"]]"#)
    try await client.query("FROM stock", more: #", "min_visibility_token": 2"#)
      .expectError(409, "DEAD_LETTERED")
    #expect(
      try await client.stockRows(
        more: #", "min_visibility_token": 2, "allow_dead_letters": true"#)
        == #"[[1,"a"],[2,"c"]]"#)
    // Once the key is gone it can be inserted, and an upsert replaces it.
    _ = try await client.changeVisibly(Self.delete("e", 1), insert("f", 1)).expect(200)
    _ = try await client.changeVisibly(Self.upsert("g", 2, "g")).expect(200)
    #expect(try await client.stockRows() == #"[[1,"f"],[2,"g"]]"#)
    try await client.post("/v1/integrity/run").expect(200)
  }

  @Test func whatRowsCarryBesideTheirColumnsIsNotSeen() async throws {
    let client = try await Self.tenant()
    for round in 0..<3 {
      _ = try await client.changeVisibly(
        Self.upsert("a\(round)", round % 2, "\(round)"), Self.upsert("b\(round)", 7, "\(round)")
      ).expect(200)
      #expect(
        try await client.query("FROM stock").expect(200)["columns"]?.compactText
          == #"["id","note"]"#)
      #expect(
        try await client.rows("SELECT column_name FROM (DESCRIBE stock)") == #"[["id"],["note"]]"#)
      for hidden in ["_duckmesh_token", "_ducklake_internal_snapshot_id", "_dl_snapshot"] {
        try await client.query("SELECT \(hidden) FROM stock").expectError(400, "INVALID_SQL")
      }
      try await client.post("/v1/compaction/run").expect(200)
    }
    try await client.createTable("t", "_duckmesh_token BIGINT").expectError(400, "SCHEMA_INVALID")
  }
}
