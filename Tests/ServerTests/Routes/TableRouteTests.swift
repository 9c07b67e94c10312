import Testing

@Suite(.sharedServer()) struct TableRouteTests {
  @Test func aTableIsMadeShownListedAndDeleted() async throws {
    let client = try ServerProcess.shared.newTenant()
    let made = try await client.post(
      "/v1/tables",
      #"""
      {"table_name": "Events", "event_time_column": "at", "compatibility_mode": "full",
       "schema_json": {"columns": [
         {"name": "id", "type": "bigint", "nullable": false},
         {"name": "at", "type": "timestamptz"},
         {"name": "state", "type": "VARCHAR", "default": "new"}]}}
      """#
    ).expect(201)
    #expect(made["table_name"]?.text == "Events")
    #expect(made["tenant_id"]?.text == client.tenant)
    #expect(made["schema_version"]?.integer == 1)
    #expect(made["primary_key_cols"]?.elements == [])
    #expect(made["partition_spec"]?.elements == [])
    #expect(made["compatibility_mode"]?.text == "full")
    #expect(made["event_time_column"]?.text == "at")
    #expect(made["created_at"]?.text?.hasSuffix("Z") == true)
    #expect(
      made["schema_json"]?.compactText
        == #"{"columns":[{"name":"id","type":"BIGINT","nullable":false},{"name":"at","type":"TIMESTAMP WITH TIME ZONE","nullable":true},{"name":"state","type":"VARCHAR","nullable":true,"default":"new"}]}"#
    )
    for name in ["Events", "events", "EVENTS"] {
      #expect(try await client.get("/v1/tables/\(name)").expect(200).json == made.json)
    }
    let list = try await client.get("/v1/tables").expect(200)
    #expect(list["tenant_id"]?.text == client.tenant)
    #expect(list["tables"]?.elements == [try #require(made.json)])
    #expect(list["next_page_token"] == nil)

    let gone = try await client.delete("/v1/tables/EVENTS").expect(200)
    #expect(gone.json?.compactText == #"{"status":"deleted","table_name":"Events"}"#)
    try await client.get("/v1/tables/events").expectError(404, "TABLE_NOT_FOUND")
    try await client.delete("/v1/tables/events").expectError(404, "TABLE_NOT_FOUND")
    #expect(try await client.get("/v1/tables")["tables"]?.elements == [])
  }

  @Test func aNameIsTakenInAnyCaseUntilItsTableIsDropped() async throws {
    let client = try ServerProcess.shared.newTenant()
    let first = try await client.createTable("t", "a BIGINT").expect(201)
    try await client.createTable("T", "a BIGINT").expectError(409, "TABLE_EXISTS")
    try await client.delete("/v1/tables/t").expect(200)
    let second = try await client.createTable("T", "b VARCHAR").expect(201)
    #expect(first["table_id"] != second["table_id"])
    #expect(try await client.get("/v1/tables/t")["table_name"]?.text == "T")
  }

  @Test func listsComeInPagesInTheOrderOfNames() async throws {
    let client = try ServerProcess.shared.newTenant()
    for name in ["b", "A", "d", "C", "e"] { try await client.createTable(name, "x BIGINT") }
    var names: [String] = []
    var path = "/v1/tables?limit=2"
    var pages = 0
    while true {
      let page = try await client.get(path).expect(200)
      names += page["tables"]?.elements?.compactMap { $0["table_name"]?.text } ?? []
      pages += 1
      guard let token = page["next_page_token"]?.text else { break }
      path = "/v1/tables?limit=2&page_token=\(token)"
    }
    #expect(Set(names) == ["A", "b", "C", "d", "e"])
    #expect(names.count == 5 && pages == 3)
    let whole = try await client.get("/v1/tables")["tables"]?.elements?
      .compactMap { $0["table_name"]?.text }
    #expect(names == whole)
    let full = try await client.get("/v1/tables?limit=5").expect(200)
    #expect(full["next_page_token"] == nil)
  }

  @Test(arguments: [
    ("?limit=0", "INVALID_FIELD"), ("?limit=x", "INVALID_FIELD"), ("?limit=-1", "INVALID_FIELD"),
    ("?limit=1001", "LIMIT_EXCEEDED"), ("?page_token=zz", "INVALID_FIELD"),
    ("?page_token=abc", "INVALID_FIELD"), ("?page_token=ff", "INVALID_FIELD"),
    ("?limits=1", "UNKNOWN_FIELD"), ("?limit=1&limit=2", "INVALID_FIELD"),
  ])
  func badPagesAreRefusedOnEveryList(_ query: String, _ code: String) async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "x BIGINT")
    for path in ["/v1/tables", "/v1/snapshots", "/v1/dead-letters"] {
      try await client.get(path + query).expectError(400, code)
    }
  }

  @Test(arguments: [
    (#"{"table_name": "t"}"#, "INVALID_FIELD"),
    (#"{"schema_json": {"columns": [{"name": "a", "type": "BIGINT"}]}}"#, "INVALID_FIELD"),
    (#"{"table_name": 5, "schema_json": {"columns": []}}"#, "INVALID_FIELD"),
    (#"[]"#, "INVALID_JSON"), (#"{"table_name": "t""#, "INVALID_JSON"), (#""#, "INVALID_JSON"),
    (#"{"table_name": "t", "table_name": "u"}"#, "INVALID_JSON"),
    (#"{"tablename": "t", "schema_json": {"columns": []}}"#, "UNKNOWN_FIELD"),
    (#"{"table_name": "t", "schema_json": {"columns": []}}"#, "SCHEMA_INVALID"),
    (#"{"table_name": "t", "schema_json": []}"#, "SCHEMA_INVALID"),
    (#"{"table_name": "t", "schema_json": {"columns": [{"name": "a"}]}}"#, "SCHEMA_INVALID"),
    (
      #"{"table_name": "t", "schema_json": {"columns": [{"name": "a", "type": "BIGINT"}], "x": 1}}"#,
      "UNKNOWN_FIELD"
    ),
    (
      #"{"table_name": "t", "schema_json": {"columns": [{"name": "a", "type": "BIGINT", "null": 1}]}}"#,
      "UNKNOWN_FIELD"
    ),
    (
      #"{"table_name": "t", "primary_key_cols": ["b"], "schema_json": {"columns": [{"name": "a", "type": "BIGINT"}]}}"#,
      "INVALID_FIELD"
    ),
    (
      #"{"table_name": "t", "compatibility_mode": "both", "schema_json": {"columns": [{"name": "a", "type": "BIGINT"}]}}"#,
      "INVALID_FIELD"
    ),
    (
      #"{"table_name": "t", "event_time_column": "b", "schema_json": {"columns": [{"name": "a", "type": "BIGINT"}]}}"#,
      "INVALID_FIELD"
    ),
    (
      #"{"table_name": "t", "event_time_column": "a", "schema_json": {"columns": [{"name": "a", "type": "BIGINT"}]}}"#,
      "INVALID_FIELD"
    ),
  ])
  func badTablesAreRefused(_ body: String, _ code: String) async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("kept", "x BIGINT")
    try await client.post("/v1/tables", body).expectError(400, code)
    #expect(try await client.get("/v1/tables")["tables"]?.elements?.count == 1)
  }

  @Test(arguments: [
    "", "1t", "a b", "é", "t-1", "_ducklake_x", "_DL_x", "_dlx",
    "a123456789012345678901234567890123456789012345678901234567890123", "t;--", "\\u0000",
  ])
  func badTableNamesAreRefused(_ name: String) async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable(name, "x BIGINT").expectError(400, "INVALID_FIELD")
  }

  @Test(arguments: [
    "filename BIGINT", "FILE_INDEX BIGINT", "file_row_number BIGINT", "_dl_x BIGINT",
    "_ducklake BIGINT", "a-b BIGINT", "a NOSUCH", "a NOSUCH[]", "a INT[3]", "a DECIMAL(39,1)",
    "a STRUCT()", "a STRUCT(x INT, X INT)", "a STRUCT(x-y INT)", "a MAP(DOUBLE, INT)", "a MAP(INT)",
    "a DECIMAL(5,6)", "a BIGINT; DROP TABLE x", "a VARCHAR(",
  ])
  func badColumnsAreRefused(_ column: String) async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", column).expectError(400, "SCHEMA_INVALID")
    try await client.createTable("t", "ok BIGINT", column).expectError(400, "SCHEMA_INVALID")
  }

  @Test func columnNamesAreUniqueIgnoringCase() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "a BIGINT", "A BIGINT").expectError(400, "SCHEMA_INVALID")
  }

  @Test func otherPathsAndMethodsAreRefused() async throws {
    let client = try ServerProcess.shared.newTenant()
    for path in [
      "/", "/v1", "/v1/", "/v1/tables/", "/v1/tables/a/b", "/v2/tables", "/v1/Tables",
      "/v1/ui/tables", "/v1/tables/t/columns", "/v1/snapshots/pin/1/2", "/v1/admin/tenants",
      "/v1/query/translate", "/v1/dead-letters/1/2",
    ] {
      try await client.get(path).expectError(404, "ROUTE_NOT_FOUND")
    }
    let refused = try await client.send("PUT", "/v1/tables")
    refused.expectError(405, "METHOD_NOT_ALLOWED")
    #expect(refused.header("Allow") == "GET, HEAD, POST")
    #expect(try await client.get("/v1/query").header("Allow") == "POST")
    #expect(
      try await client.send("PUT", "/v1/tables/t", Array("{}".utf8)).header("Allow")
        == "GET, HEAD, PATCH, DELETE")
    #expect(try await client.send("HEAD", "/v1/health").expect(200).response.body == [])
  }

  @Test func aBodyNeedsItsMediaType() async throws {
    let client = try ServerProcess.shared.newTenant()
    let body = Array(#"{"table_name": "t"}"#.utf8)
    for type in [nil, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
      for path in ["/v1/tables", "/v1/ingest/t", "/v1/query"] {
        let reply = try await client.send("POST", path, body, contentType: type)
        reply.expectError(415, "UNSUPPORTED_MEDIA_TYPE")
        #expect(reply["message"]?.text?.contains("Content-Type: application/json") == true)
      }
    }
    let compressed = try await client.with("Content-Encoding", "gzip").post("/v1/tables", "{}")
    compressed.expectError(415, "UNSUPPORTED_MEDIA_TYPE")
    let charset = try await client.send(
      "POST", "/v1/tables", body, contentType: "Application/JSON; charset=utf-8")
    charset.expectError(400, "INVALID_FIELD")
  }

  @Test func traceIDsOfTheCallerAreKept() async throws {
    let client = try ServerProcess.shared.newTenant()
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    let traced = client.with("traceparent", "00-\(trace)-00f067aa0ba902b7-01")
    for path in ["/v1/health", "/v1/nowhere", "/v1/tables"] {
      #expect(try await traced.get(path).header("X-Trace-ID") == trace)
    }
    let own = try await client.get("/v1/health").header("X-Trace-ID")
    #expect(own?.count == 32 && own != trace)
  }
}
