import Foundation
import TestSupport
import Testing

/// `POST /v1/ingest/{table}` with batches of every format.
@Suite(.sharedServer(["DUCKMESH_BATCH_STAGING_BYTES": "100000"])) struct BatchRouteTests {
  private static let waiting = "?wait_for_visibility=true"

  private static func tenant() async throws -> APIClient {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT", "name VARCHAR").expect(201)
    return client
  }

  private static func lines(_ count: Int, from first: Int = 0) -> String {
    (first..<first + count).map { #"{"id": \#($0), "name": "name of \#($0)"}"# + "\n" }.joined()
  }

  private static func isClean(_ client: APIClient) async throws -> Bool {
    try await client.post("/v1/integrity/run").status == 200
  }

  @Test func aBatchIsVisibleWholeUnderOneKey() async throws {
    let client = try await Self.tenant()
    // As records in a segment, and as files: the bound of this server lies between.
    for (key, count) in [("small", 100), ("large", 20_000)] {
      let body = Self.lines(count)
      let first = try await client.batch("t", body, key: key, parameters: Self.waiting)
      #expect(first.expect(200)["accepted_count"]?.integer == Int64(count))
      #expect(first["status"]?.text == "visible")
      let again = try await client.batch("t", body, key: key)
      #expect(again.expect(200)["duplicate_count"]?.integer == Int64(count))
      #expect(again["status"]?.text == "partial_duplicate")
      #expect(again.token == first.token)
      let other = try await client.batch("t", body + "{}\n", key: key)
      other.expectError(409, "IDEMPOTENCY_KEY_REUSED")
    }
    #expect(
      try await client.rows("SELECT count(*), count(DISTINCT id), max(name) FROM t")
        == "[[20100,20000,\"name of 9999\"]]")
    #expect(try await client.ingestVisibly("t", key: "small", #"{"id": -1}"#).token == 20_101)
    #expect(try await Self.isClean(client))
  }

  @Test func aBatchNeedsExactlyOneKey() async throws {
    let client = try await Self.tenant()
    func post(_ client: APIClient) async throws -> Reply {
      try await client.send(
        "POST", "/v1/ingest/t", Array("{}".utf8), contentType: APIClient.ndjson)
    }
    try await post(client).expectError(400, "IDEMPOTENCY_KEY_REQUIRED")
    try await post(client.with("Producer-Id", "p")).expectError(400, "INVALID_FIELD")
    try await post(client.with("Producer-Seq", "1")).expectError(400, "INVALID_FIELD")
    let both = client.with("Idempotency-Key", "k").with("Producer-Id", "p")
    try await post(both).expectError(400, "INVALID_FIELD")
    let numbered = client.with("Producer-Id", "p").with("Producer-Epoch", "-1")
    try await post(numbered.with("Producer-Seq", "1")).expectError(400, "INVALID_FIELD")
    try await client.batch("t", "", key: "k").expectError(400, "RECORDS_REQUIRED")
    try await client.batch("t", "\n \n", key: "k").expectError(400, "RECORDS_REQUIRED")
    try await client.batch("t", "{}", key: "k", parameters: "?ops=insert")
      .expectError(400, "UNKNOWN_FIELD")
    try await client.batch("t", "{}", key: "k", parameters: "?op=merge")
      .expectError(400, "INVALID_OP")
    try await client.batch("t", "{}", key: "k", parameters: "?op=upsert")
      .expectError(400, "PRIMARY_KEY_REQUIRED")
    try await client.batch("nowhere", "{}", key: "k").expectError(404, "TABLE_NOT_FOUND")
    #expect(try await client.get("/v1/lag")["accepted_events"]?.integer == 0)
  }

  @Test func aProducersBatchesComeInTurn() async throws {
    let client = try await Self.tenant()
    func send(_ epoch: Int, _ sequence: Int, _ body: String) async throws -> Reply {
      try await client.with("Producer-Id", "p").with("Producer-Epoch", "\(epoch)")
        .with("Producer-Seq", "\(sequence)")
        .send("POST", "/v1/ingest/t", Array(body.utf8), contentType: APIClient.ndjson)
    }
    #expect(try await send(1, 0, Self.lines(3)).expect(200).token == 3)
    #expect(try await send(1, 1, Self.lines(2)).expect(200).token == 5)
    let again = try await send(1, 0, Self.lines(3)).expect(200)
    #expect(again["duplicate_count"]?.integer == 3)
    #expect(again.token == 3)
    try await send(1, 1, Self.lines(1)).expectError(409, "IDEMPOTENCY_KEY_REUSED")
    let gap = try await send(1, 3, Self.lines(1))
    gap.expectError(409, "PRODUCER_SEQUENCE_GAP")
    #expect(gap["context", "expected_sequence"]?.integer == 2)
    let fenced = try await send(0, 2, Self.lines(1))
    fenced.expectError(403, "PRODUCER_FENCED")
    #expect(fenced["context", "current_epoch"]?.integer == 1)
    #expect(try await send(2, 0, Self.lines(1)).expect(200).token == 6)
    // One whose turn has gone by hears of what was accepted, and of nothing else.
    for refused in [gap, fenced] { #expect(refused["context", "max_visibility_token"] == nil) }
    let late = try await send(1, 1, Self.lines(2))
    late.expectError(403, "PRODUCER_FENCED")
    #expect(late["context", "max_visibility_token"]?.integer == 5)
    for sequence in 1...6 { try await send(2, sequence, Self.lines(1)).expect(200) }
    let old = try await send(2, 0, Self.lines(1))
    old.expectError(409, "PRODUCER_SEQUENCE_GAP")
    #expect(old["context", "max_visibility_token"]?.integer == 6)
  }

  @Test func badRecordsAreNamedAndNothingOfTheBatchIsKept() async throws {
    let client = try await Self.tenant()
    for count in [10, 20_000] {
      let body = Self.lines(count) + "{\"id\": \"x\"}\nno JSON\n"
      let reply = try await client.batch("t", body, key: "k\(count)")
      reply.expectError(400, "SCHEMA_VIOLATION")
      let violations = try #require(reply["context", "violations"]?.elements)
      #expect(violations.count == 2)
      #expect(violations[0]["line"]?.integer == Int64(count + 1))
      #expect(violations[0]["record_index"]?.integer == Int64(count))
      #expect(violations[0]["column"]?.text == "id")
      // The key of what was refused is free.
      try await client.batch("t", Self.lines(1), key: "k\(count)").expect(200)
    }
    #expect(try await client.get("/v1/lag")["accepted_events"]?.integer == 2)
  }

  @Test func badRecordsBecomeDeadLettersWhereThatIsAskedFor() async throws {
    let client = try await Self.tenant()
    var token: Int64 = 0
    for count in [10, 20_000] {
      let body = "{\"id\": 1.5}\n" + Self.lines(count) + "no JSON\n"
      let reply = try await client.batch(
        "t", body, key: "k\(count)", parameters: "?on_error=dead_letter")
      #expect(reply.expect(200)["accepted_count"]?.integer == Int64(count + 2))
      let letters = try #require(reply["dead_lettered"]?.elements)
      #expect(letters.map { $0["index"]?.integer } == [0, Int64(count + 1)])
      #expect(letters.map { $0["token"]?.integer } == [token + 1, token + Int64(count) + 2])
      token += Int64(count) + 2
      #expect(reply.token == token)
    }
    #expect(try await client.rows("SELECT count(*) FROM t", token: token).hasPrefix("409"))
    let kept = try await client.get("/v1/dead-letters")["dead_letters"]?.elements ?? []
    #expect(kept.count == 4)
    #expect(kept.last?["payload"]?.text == "no JSON")
    #expect(kept.first?["idempotency_key"]?.text == "k10")
    #expect(try await client.rows("SELECT count(*) FROM t") == "[[20010]]")
    let waited = try await client.batch(
      "t", "{\"id\": false}\n", key: "w",
      parameters: "?on_error=dead_letter&wait_for_visibility=true")
    waited.expectError(422, "DEAD_LETTERED")
    #expect(try await Self.isClean(client))
  }

  @Test func aRetryThatWaitsIsToldWhatWasGivenUp() async throws {
    let client = try await Self.tenant()
    func send() async throws -> Reply {
      try await client.batch(
        "t", Self.lines(2) + "{\"id\": \"x\"}\n", key: "k",
        parameters: "?on_error=dead_letter&wait_for_visibility=true")
    }
    try await send().expectError(422, "DEAD_LETTERED")
    let letters = try await client.get("/v1/dead-letters")["dead_letters"]?.elements ?? []
    let id = try #require(letters.first?["dead_letter_id"]?.integer)
    try await client.delete("/v1/dead-letters/\(id)").expect(200)
    let again = try await send()
    again.expectError(422, "DEAD_LETTERED")
    let told = try #require(again["context", "dead_lettered"]?.elements)
    #expect(told.map { $0["index"]?.integer } == [2])
    #expect(told.map { $0["reason"]?.text } == ["DISCARDED"])
    #expect(again["context", "duplicate_count"]?.integer == 3)
    #expect(try await Self.isClean(client))
  }

  @Test func csvIsReadByTheTypesOfItsColumns() async throws {
    let client = try await Self.tenant()
    let body = "name,id\r\n\"a \"\"b\"\",\n\",1\r\n,2\r\n\"\",3\r\n"
    try await client.batch("t", body, key: "k", type: "text/csv", parameters: Self.waiting)
      .expect(200)
    #expect(
      try await client.rows("SELECT id, name FROM t ORDER BY id")
        == #"[[1,"a \"b\",\n"],[2,null],[3,""]]"#)
    let bad = try await client.batch("t", "id,name\n1.5,x\n", key: "b", type: "text/csv")
    bad.expectError(400, "SCHEMA_VIOLATION")
    #expect(bad["context", "violations"]?.elements?.first?["line"]?.integer == 2)
    try await client.batch("t", "id,nme\n1,x\n", key: "b", type: "text/csv")
      .expectError(400, "SCHEMA_VIOLATION")
    try await client.batch("t", "id\n1\"2\n", key: "b", type: "text/csv")
      .expectError(400, "INVALID_BODY")
  }

  @Test func compressedBodiesAreTheSameBatch() async throws {
    let client = try await Self.tenant()
    let body = Self.lines(1_000)
    try await client.batch("t", body, key: "k").expect(200)
    for (program, encoding) in [("gzip", "gzip"), ("zstd", "zstd")] {
      let folder = try TemporaryFolder()
      try Data(body.utf8).write(to: URL(fileURLWithPath: folder.path + "/body"))
      let packed = try await offPool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = [
          "-c",
          program == "gzip"
            ? "import gzip,sys; sys.stdout.buffer.write(gzip.compress(sys.stdin.buffer.read()))"
            : """
            import ctypes, sys
            z = ctypes.CDLL('libzstd.so.1'); z.ZSTD_compress.restype = ctypes.c_size_t
            data = sys.stdin.buffer.read(); room = ctypes.create_string_buffer(len(data) + 1000)
            size = z.ZSTD_compress(room, ctypes.c_size_t(len(room)), data, ctypes.c_size_t(len(data)), 3)
            sys.stdout.buffer.write(room.raw[:size])
            """,
        ]
        let output = Pipe()
        process.standardInput = try FileHandle(
          forReadingFrom: URL(fileURLWithPath: folder.path + "/body"))
        process.standardOutput = output
        try process.run()
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return [UInt8](bytes)
      }
      let reply = try await client.with("Content-Encoding", encoding).batch("t", packed, key: "k")
      #expect(reply.expect(200)["duplicate_count"]?.integer == 1_000)
      let cut = Array(packed.dropLast(8))
      try await client.with("Content-Encoding", encoding).batch("t", cut, key: "cut")
        .expectError(400, "INVALID_BODY")
    }
    try await client.with("Content-Encoding", "br").batch("t", body, key: "x")
      .expectError(415, "UNSUPPORTED_MEDIA_TYPE")
  }

  @Test func batchesOfATableWithAKeyReplaceAndDeleteItsRows() async throws {
    let client = try ServerProcess.shared.newTenant()
    try await client.post(
      "/v1/tables",
      """
      {"table_name": "t", "primary_key_cols": ["id"], "schema_json": {"columns": [
        {"name": "id", "type": "BIGINT", "nullable": false}, {"name": "name", "type": "VARCHAR"}]}}
      """
    ).expect(201)
    // More than this server keeps of other batches before it writes files.
    try await client.batch("t", Self.lines(5_000), key: "a", parameters: "?op=upsert").expect(200)
    try await client.batch(
      "t", "id,name\n1,first\n1,second\n2,\n", key: "b", type: "text/csv",
      parameters: "?op=upsert"
    ).expect(200)
    try await client.batch(
      "t", (10..<5_000).map { "{\"id\":\($0)}\n" }.joined(), key: "c",
      parameters: "?op=delete&wait_for_visibility=true"
    ).expect(200)
    #expect(
      try await client.rows("SELECT count(*), max(id) FROM t WHERE id > 2") == "[[7,9]]")
    #expect(
      try await client.rows("SELECT id, name FROM t WHERE id IN (1, 2) ORDER BY id")
        == #"[[1,"second"],[2,null]]"#)
    #expect(try await Self.isClean(client))
  }

  // MARK: Files of columns

  private static let types = [
    "boolean", "tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger",
    "ubigint", "float", "double", "varchar", "blob", "date", "time", "timestamp", "timestamptz",
    "uuid", "json",
  ]

  private static func everyType() async throws -> APIClient {
    let client = try ServerProcess.shared.newTenant()
    let columns =
      [#"{"name": "k", "type": "BIGINT", "nullable": false}"#]
      + (types.map { ($0, $0.uppercased()) } + [
        ("decimal", "DECIMAL(20,4)"), ("category", "VARCHAR"), ("large", "VARCHAR"),
        ("fixed", "BLOB"), ("nothing", "DATE"),
      ]).map { #"{"name": "\#($0)", "type": "\#($1)"}"# }
    try await client.post(
      "/v1/tables",
      #"{"table_name": "t", "schema_json": {"columns": [\#(columns.joined(separator: ","))]}}"#
    ).expect(201)
    return client
  }

  @Test func parquetAndArrowBringTheSameValuesOfEveryType() async throws {
    let bodies = try await BatchBodies()
    let client = try await Self.everyType()
    for (name, type) in [("all.parquet", APIClient.parquet), ("all.arrow", APIClient.arrow)] {
      let reply = try await client.batch(
        "t", try bodies.bytes(name), key: name, type: type, parameters: Self.waiting)
      #expect(reply.expect(200)["accepted_count"]?.integer == 5_000)
      let again = try await client.batch("t", try bodies.bytes(name), key: name, type: type)
      #expect(again.expect(200)["duplicate_count"]?.integer == 5_000)
    }
    #expect(
      try await client.rows(
        "SELECT count(*) FROM (SELECT count(*) AS n FROM t GROUP BY ALL HAVING n = 2)"
      )
      .contains("["))
    #expect(
      try await client.rows(
        "SELECT count(*), count(DISTINCT k) FROM (SELECT * FROM t GROUP BY ALL)")
        == "[[5000,5000]]")
    #expect(
      try await client.rows(
        """
        SELECT \(Self.types.map { "\"\($0)\"" }.joined(separator: ", ")), "decimal", category,
          large, fixed, nothing FROM t WHERE k = 5 LIMIT 1
        """)
          == """
          [[false,-95,-2495,5000,5497558138880,5,5,20480,18446744073709551610,1.25,\
          1.6666666666666667,"ééééé5","BQUFBQU=","2000-01-06","05:05:05.000005",\
          "2020-01-01T00:00:00.000005","2020-01-01T00:00:00.000005Z",\
          "00000000-0000-0005-0000-000000000000",{"a":[5]},"1.2500","cat5","large5","AAAABQ==",null]]
          """)
    #expect(try await client.rows("SELECT count(\"varchar\") FROM t") == "[[8572]]")
    #expect(try await Self.isClean(client))
  }

  @Test func typesWidenWhereNoValueCanBeLost() async throws {
    let bodies = try await BatchBodies()
    let client = try await Self.everyType()
    for (name, type) in [("wide.parquet", APIClient.parquet), ("wide.arrow", APIClient.arrow)] {
      try await client.batch(
        "t", try bodies.bytes(name), key: name, type: type, parameters: Self.waiting
      ).expect(200)
    }
    #expect(
      try await client.rows(
        "SELECT DISTINCT k, \"double\", \"decimal\", \"timestamp\" FROM t ORDER BY k")
        == #"[[1,1.5,"1.5000","2020-01-01T00:00:00.000001"],[2,2.5,null,null]]"#)
  }

  @Test(
    arguments: [
      ("unknown", "nme"), ("null", "k"), ("missing", "k"), ("narrow", "integer"),
      ("zone", "timestamp"), ("nanoseconds", "timestamp"), ("nul", "varchar"), ("uuid", "uuid"),
    ])
  func aFileThatDoesNotFitNamesItsColumn(name: String, column: String) async throws {
    let bodies = try await BatchBodies()
    let client = try await Self.everyType()
    for type in [APIClient.parquet, APIClient.arrow] {
      let file = "\(name).\(type == APIClient.arrow ? "arrow" : "parquet")"
      let reply = try await client.batch("t", try bodies.bytes(file), key: "k", type: type)
      reply.expectError(400, "SCHEMA_VIOLATION")
      #expect(
        reply["context", "violations"]?.elements?.first?["column"]?.text == column, "\(reply.text)")
    }
    #expect(try await client.get("/v1/lag")["accepted_events"]?.integer == 0)
  }

  @Test func aFileThatIsNoneOrDamagedIsRefused() async throws {
    let bodies = try await BatchBodies()
    let client = try await Self.everyType()
    let compressed = try bodies.bytes("compressed.arrow")
    try await client.batch("t", compressed, key: "c", type: APIClient.arrow)
      .expectError(400, "INVALID_BODY")
    for (name, type) in [("all.parquet", APIClient.parquet), ("all.arrow", APIClient.arrow)] {
      let whole = try bodies.bytes(name)
      try await client.batch("t", "no such file", key: name, type: type)
        .expectError(400, "INVALID_BODY")
      try await client.batch("t", Array(whole.dropLast(whole.count / 2)), key: name, type: type)
        .expectError(400, "INVALID_BODY")
      var random = SeededGenerator(seed: 4)
      for _ in 0..<15 {
        var damaged = whole
        for _ in 0..<3 {
          let place = Int.random(in: 0..<min(damaged.count, 10_000), using: &random)
          damaged[place] = UInt8.random(in: 0...255, using: &random)
        }
        let reply = try await client.batch("t", damaged, key: "damaged \(name)", type: type)
        // A damaged value may be a good one of its type; the server is there whatever comes.
        #expect([200, 400, 409].contains(reply.status), "\(reply.text)")
      }
    }
    #expect(try await Self.isClean(client))
  }

  @Test func nothingIsLeftOfABodyThatIsCutInTheMiddle() async throws {
    let client = try await Self.tenant()
    let server = try ServerProcess.shared
    let head = [
      "POST /v1/ingest/t HTTP/1.1", "Host: localhost", "X-Tenant-ID: \(client.tenant ?? "")",
      "Content-Type: application/x-ndjson", "Idempotency-Key: cut", "Content-Length: 100000000",
      "", "",
    ].joined(separator: "\r\n")
    let body = Self.lines(40_000)
    try await RawConnection.run(to: server) { connection in
      _ = connection.send(Array(head.utf8))
      _ = connection.send(Array(body.utf8))
    }
    try await eventually("nothing is staged") {
      try files(below: server.dataFolder + "/staging").isEmpty
    }
    #expect(try await client.get("/v1/lag")["accepted_events"]?.integer == 0)
    try await client.batch("t", Self.lines(5), key: "cut").expect(200)
  }
}
