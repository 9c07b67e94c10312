import SimdJSON
import Testing

@Suite(.sharedServer()) struct QueryRouteTests {
  /// A tenant whose table t holds the ids 1 to 3, each in a snapshot of its own.
  private static func tenant() async throws -> (client: APIClient, snapshots: [Int64]) {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT", "name VARCHAR").expect(201)
    var snapshots: [Int64] = []
    for id in 1...3 {
      let reply = try await client.ingestVisibly(
        "t", key: "k\(id)", #"{"id": \#(id), "name": "n\#(id)"}"#)
      snapshots.append(try #require(reply.expect(200)["visible_snapshot_id"]?.integer))
    }
    return (client, snapshots)
  }

  @Test func anAnswerHasEveryField() async throws {
    let (client, snapshots) = try await Self.tenant()
    let reply = try await client.query("SELECT id, name FROM t ORDER BY id").expect(200)
    #expect(
      reply.json?.members?.map(\.name) == [
        "columns", "types", "rows", "row_count", "truncated", "snapshot_id", "snapshot_time",
        "max_visibility_token", "dead_letter_count", "stats",
      ])
    #expect(reply["columns"]?.compactText == #"["id","name"]"#)
    #expect(reply["types"]?.compactText == #"["BIGINT","VARCHAR"]"#)
    #expect(reply["rows"]?.compactText == #"[[1,"n1"],[2,"n2"],[3,"n3"]]"#)
    #expect(reply["row_count"]?.integer == 3 && reply["truncated"]?.isTrue == false)
    #expect(reply["snapshot_id"]?.integer == snapshots[2] && reply.token == 3)
    #expect(reply["dead_letter_count"]?.integer == 0)
    #expect(
      reply["stats"]?.members?.map(\.name) == [
        "duration_ms", "scanned_files", "scanned_bytes", "barrier_wait_ms",
      ])
    #expect((reply["stats", "scanned_files"]?.integer ?? 0) > 0)
    #expect((reply["stats", "scanned_bytes"]?.integer ?? 0) > 0)
    #expect(reply.header("Content-Type") == "application/json")
    #expect(reply.header("X-Trace-ID")?.count == 32)
  }

  @Test func eachSelectorReadsItsSnapshot() async throws {
    let (client, snapshots) = try await Self.tenant()
    let count = "SELECT count(*) FROM t"
    for (index, snapshot) in snapshots.enumerated() {
      let byID = try await client.query(count, more: #", "snapshot_id": \#(snapshot).0"#)
      #expect(byID["rows"]?.compactText == "[[\(index + 1)]]")
      #expect(byID["snapshot_id"]?.integer == snapshot && byID.token == Int64(index + 1))
      let time = try #require(byID["snapshot_time"]?.text)
      let byTime = try await client.query(count, more: #", "snapshot_time": "\#(time)""#)
      #expect(byTime["rows"] == byID["rows"] && byTime["snapshot_id"] == byID["snapshot_id"])
      let byToken = try await client.query(
        count, more: #", "min_visibility_token": \#(index + 1)"#)
      #expect((byToken.token ?? 0) >= Int64(index + 1))
    }
    let latest = try await client.query(count, more: #", "min_visibility_token": 0"#)
    #expect(latest["rows"]?.compactText == "[[3]]")
    let late = try await client.query(count, more: #", "snapshot_time": "2999-01-01T00:00:00Z""#)
    #expect(late["rows"]?.compactText == "[[3]]")
  }

  @Test(arguments: [
    (#", "snapshot_id": 1, "min_visibility_token": 1"#, 400, "SNAPSHOT_SELECTOR_CONFLICT"),
    (
      #", "snapshot_id": 1, "snapshot_time": "2999-01-01T00:00:00Z""#, 400,
      "SNAPSHOT_SELECTOR_CONFLICT"
    ),
    (
      #", "min_visibility_token": 0, "snapshot_time": "2999-01-01T00:00:00Z""#, 400,
      "SNAPSHOT_SELECTOR_CONFLICT"
    ),
    (#", "snapshot_id": 999999999"#, 404, "SNAPSHOT_NOT_FOUND"),
    (#", "snapshot_time": "1999-01-01T00:00:00Z""#, 404, "SNAPSHOT_NOT_FOUND"),
    (#", "snapshot_time": "yesterday""#, 400, "INVALID_FIELD"),
    (#", "snapshot_id": "1""#, 400, "INVALID_FIELD"),
    (#", "snapshot_id": -1"#, 400, "INVALID_FIELD"),
    (#", "snapshot_id": 1.5"#, 400, "INVALID_FIELD"),
    (#", "min_visibility_token": 4"#, 400, "VISIBILITY_TOKEN_INVALID"),
    (#", "min_visibility_token": 9223372036854775807"#, 400, "VISIBILITY_TOKEN_INVALID"),
    (#", "min_visibility_token": -1"#, 400, "VISIBILITY_TOKEN_INVALID"),
    (#", "min_visibility_token": "3""#, 400, "INVALID_FIELD"),
    (#", "min_visibility_token": 99999999999999999999"#, 400, "INVALID_FIELD"),
    (#", "min_visiblity_token": 3"#, 400, "UNKNOWN_FIELD"),
    (#", "row_limit": -1"#, 400, "INVALID_FIELD"),
    (#", "row_limit": 1000001"#, 400, "LIMIT_EXCEEDED"),
    (#", "timeout_ms": 0"#, 400, "INVALID_FIELD"),
    (#", "timeout_ms": 300001"#, 400, "LIMIT_EXCEEDED"),
    (#", "consistency_timeout_ms": 60001"#, 400, "LIMIT_EXCEEDED"),
    (#", "allow_dead_letters": "yes""#, 400, "INVALID_FIELD"),
    (#", "time_zone": "Mars/Olympus""#, 400, "PARAMS_INVALID"),
    (#", "time_zone": 5"#, 400, "INVALID_FIELD"),
    (#", "params": 5"#, 400, "PARAMS_INVALID"),
    (#", "params": [1]"#, 400, "PARAMS_INVALID"),
    (#", "params": {"a": 1}"#, 400, "PARAMS_INVALID"),
    (#", "sql": "SELECT 2""#, 400, "INVALID_JSON"),
  ])
  func badRequestsAreRefused(_ more: String, _ status: Int, _ code: String) async throws {
    let (client, _) = try await Self.tenant()
    try await client.query("SELECT count(*) FROM t", more: more).expectError(status, code)
  }

  @Test(arguments: [
    (#"{}"#, 400, "SQL_REQUIRED"), (#"{"sql": ""}"#, 400, "SQL_REQUIRED"),
    (#"{"sql": " \n"}"#, 400, "SQL_REQUIRED"), (#"{"sql": 5}"#, 400, "INVALID_FIELD"),
    (#"{"sql": "SELEC 1"}"#, 400, "INVALID_SQL"),
    (#"{"sql": "SELECT nosuch FROM t"}"#, 400, "INVALID_SQL"),
    (#"{"sql": "SELECT 'x'::INT FROM t"}"#, 400, "QUERY_FAILED"),
    (#"{"sql": "SELECT CAST(name AS INT) FROM t"}"#, 400, "QUERY_FAILED"),
    (#"{"sql": "FROM nosuch"}"#, 404, "TABLE_NOT_FOUND"),
    (#"{"sql": "DROP TABLE t"}"#, 403, "SQL_NOT_ALLOWED"),
    (#"{"sql": "SELECT ? + 1", "params": []}"#, 400, "PARAMS_INVALID"),
    (#"{"sql": "SELECT $a + 1", "params": {"b": 1}}"#, 400, "PARAMS_INVALID"),
    (#"{"sql": "SELECT $a + 1"}"#, 400, "PARAMS_INVALID"),
    (#"[]"#, 400, "INVALID_JSON"), (#""#, 400, "INVALID_JSON"),
  ])
  func badStatementsAreRefused(_ body: String, _ status: Int, _ code: String) async throws {
    let (client, _) = try await Self.tenant()
    let reply = try await client.post("/v1/query", body)
    reply.expectError(status, code)
    #expect(!reply.text.contains(".parquet") && !reply.text.contains(client.server.dataFolder))
  }

  @Test func parametersAreBoundByNameOrPlace() async throws {
    let (client, _) = try await Self.tenant()
    let named = try await client.query(
      "SELECT name FROM t WHERE id >= $least AND name <> $other ORDER BY id",
      more: #", "params": {"least": 2, "other": "n2' OR true --"}"#)
    #expect(named["rows"]?.compactText == #"[["n2"],["n3"]]"#)
    let positional = try await client.query(
      "SELECT ?::VARCHAR, ? + 1, ? IS NULL, ?",
      more: #", "params": ["x", 41, null, true]"#)
    #expect(positional["rows"]?.compactText == #"[["x",42,true,true]]"#)
  }

  @Test func rowLimitsTruncateAndSaySo() async throws {
    let (client, _) = try await Self.tenant()
    let cut = try await client.query("FROM range(10)", more: #", "row_limit": 3"#).expect(200)
    #expect(cut["row_count"]?.integer == 3 && cut["truncated"]?.isTrue == true)
    let exact = try await client.query("FROM range(3)", more: #", "row_limit": 3"#)
    #expect(exact["row_count"]?.integer == 3 && exact["truncated"]?.isTrue == false)
    let usual = try await client.query("FROM range(10001)").expect(200)
    #expect(usual["row_count"]?.integer == 10_000 && usual["truncated"]?.isTrue == true)
  }

  @Test func bigIntegersCanBeTextAndTimesAreInUTC() async throws {
    let (client, _) = try await Self.tenant()
    let body = #"{"sql": "SELECT 9007199254740993::BIGINT, 5::INT"}"#
    #expect(
      try await client.post("/v1/query?big_ints=string", body)["rows"]?.compactText
        == #"[["9007199254740993",5]]"#)
    #expect(
      try await client.post("/v1/query?big_ints=number", body)["rows"]?.compactText
        == #"[[9007199254740993,5]]"#)
    try await client.post("/v1/query?big_ints=yes", body).expectError(400, "INVALID_FIELD")
    try await client.post("/v1/query?bigints=string", body).expectError(400, "UNKNOWN_FIELD")
    let zone = try await client.query(
      "SELECT date_trunc('day', TIMESTAMPTZ '2024-01-01 23:30:00+00')",
      more: #", "time_zone": "Europe/Berlin""#)
    #expect(zone.expect(200)["rows"]?.compactText == #"[["2024-01-01T23:00:00Z"]]"#)
  }

  @Test func streamedFormsCarryTheSnapshotInFields() async throws {
    let (client, snapshots) = try await Self.tenant()
    let lines = try await client.with("Accept", "application/x-ndjson")
      .query("SELECT id, name FROM t ORDER BY id", more: #", "row_limit": 2"#).expect(200)
    #expect(lines.text == "{\"id\":1,\"name\":\"n1\"}\n{\"id\":2,\"name\":\"n2\"}\n")
    #expect(lines.header("Content-Type") == "application/x-ndjson")
    #expect(lines.header("X-DuckMesh-Snapshot-ID") == String(snapshots[2]))
    #expect(lines.header("X-DuckMesh-Snapshot-Time")?.hasSuffix("Z") == true)
    #expect(lines.header("X-DuckMesh-Max-Visibility-Token") == "3")
    #expect(lines.header("X-DuckMesh-Dead-Letter-Count") == "0")
    #expect(lines.header("X-Trace-ID")?.count == 32)
    #expect(lines.response.trailer("X-DuckMesh-Truncated") == "true")
    #expect(lines.response.trailer("X-DuckMesh-Row-Count") == "2")

    let table = try await client.with("Accept", "text/csv")
      .query(#"SELECT 1 AS a, 'x,"y"' AS b, NULL AS c, '' AS d"#).expect(200)
    #expect(table.text == "a,b,c,d\r\n1,\"x,\"\"y\"\"\",,\"\"\r\n")
    #expect(table.header("Content-Type")?.hasPrefix("text/csv") == true)
    #expect(table.response.trailer("X-DuckMesh-Truncated") == "false")
    let long = try await client.with("Accept", "application/x-ndjson")
      .query("FROM range(200000) AS r(i)").expect(200)
    #expect(long.response.trailer("X-DuckMesh-Row-Count") == "200000")
    #expect(long.text.hasSuffix("{\"i\":199999}\n"))
  }

  @Test func streamedFormsRefuseBeforeTheFirstByte() async throws {
    let (client, _) = try await Self.tenant()
    let lines = client.with("Accept", "application/x-ndjson")
    try await lines.query("SELEC 1").expectError(400, "INVALID_SQL")
    try await lines.query("FROM nosuch").expectError(404, "TABLE_NOT_FOUND")
    try await lines.query("SELECT 1 AS a, 2 AS a").expectError(400, "QUERY_FAILED")
    try await lines.query("COPY t TO 'x'").expectError(403, "SQL_NOT_ALLOWED")
  }

  @Test func anErrorInMidStreamCutsTheConnection() async throws {
    let (client, _) = try await Self.tenant()
    // The engine gives rows out once it has some ten megabytes of them: the error comes after that.
    let body =
      #"{"sql": "SELECT repeat('x', 1000) AS filler, "#
      + #"CASE WHEN i = 60000 THEN CAST('x' || i AS BIGINT) ELSE i END AS n "#
      + #"FROM range(100000) AS r(i)"}"#
    let request =
      "POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1:\(client.server.port)\r\n"
      + "X-Tenant-ID: \(client.tenant ?? "")\r\nAccept: application/x-ndjson\r\n"
      + "Connection: close\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    let answer = try await RawConnection.exchange(client.server, Array(request.utf8))
    #expect(answer.status == 200)
    #expect(answer.text.contains("Transfer-Encoding: chunked"))
    #expect(!answer.text.hasSuffix("0\r\n\r\n") && !answer.text.contains("X-DuckMesh-Row-Count: "))
    #expect(try await client.rows("SELECT 1") == "[[1]]")
  }

  @Test func onlyOfferedFormsAreGiven() async throws {
    let (client, _) = try await Self.tenant()
    for type in ["text/html", "image/png", "application/vnd.apache.orc", "text/csvx"] {
      try await client.with("Accept", type).query("SELECT 1").expectError(406, "NOT_ACCEPTABLE")
    }
    for type in ["*/*", "application/json", "text/html, application/json;q=0.9", "application/*"] {
      let reply = try await client.with("Accept", type).query("SELECT 1").expect(200)
      #expect(reply.header("Content-Type") == "application/json")
    }
  }

  @Test func aQueryEndsWithItsTime() async throws {
    let (client, _) = try await Self.tenant()
    let endless = "SELECT count(*) FROM range(10000000000) a, range(10000000000) b"
    let reply = try await client.query(endless, more: #", "timeout_ms": 300"#)
    reply.expectError(504, "QUERY_TIMEOUT")
    #expect(reply["retryable"]?.isTrue == false)
    try await client.with("Accept", "text/csv").query(endless, more: #", "timeout_ms": 300"#)
      .expectError(504, "QUERY_TIMEOUT")
    #expect(try await client.rows("SELECT count(*) FROM t") == "[[3]]")
  }

  @Test func aTokenThatIsNotVisibleInTimeIsATimeout() async throws {
    let (client, _) = try await Self.tenant()
    try await client.ingest("t", [("late", #"{"id": 4}"#)]).expect(200)
    let reply = try await client.query(
      "SELECT count(*) FROM t", more: #", "min_visibility_token": 4, "consistency_timeout_ms": 0"#)
    if reply.status != 200 {
      reply.expectError(504, "CONSISTENCY_TIMEOUT")
      #expect(reply["context", "requested_token"]?.integer == 4)
      #expect(reply["context", "latest_token"]?.integer == 3)
    }
    #expect(try await client.rows("SELECT count(*) FROM t", token: 4) == "[[4]]")
  }

  @Test func tablesAreDescribedAndListed() async throws {
    let (client, _) = try await Self.tenant()
    try await client.createTable("empty", "x DOUBLE").expect(201)
    #expect(try await client.rows("SELECT count(*), max(x) FROM empty") == "[[0,null]]")
    #expect(try await client.rows("SHOW TABLES") == #"[["empty"],["t"]]"#)
    #expect(try await client.query("DESCRIBE t")["row_count"]?.integer == 2)
    #expect(try await client.query("SUMMARIZE T")["row_count"]?.integer == 2)
    try await client.query("EXPLAIN SELECT * FROM t").expect(200)
    #expect(try await client.rows("SELECT count(*) FROM \"T\" JOIN t USING (id)") == "[[3]]")
  }
}
