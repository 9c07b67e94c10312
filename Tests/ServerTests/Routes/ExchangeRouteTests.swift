import API
import Foundation
import SimdJSON
import TestSupport
import Testing

/// Forms and codings of answers, each read by programs of others.
@Suite(.sharedServer()) struct ExchangeRouteTests {
  private static let arrow = "application/vnd.apache.arrow.stream"
  private static let parquet = "application/vnd.apache.parquet"

  /// A tenant whose table t holds the ids 1 to 3.
  private static func tenant() async throws -> APIClient {
    let client = try ServerProcess.shared.newTenant()
    try await client.createTable("t", "id BIGINT", "name VARCHAR", "amount DECIMAL(18,2)")
      .expect(201)
    for id in 1...3 {
      try await client.ingestVisibly(
        "t", key: "k\(id)", #"{"id": \#(id), "name": "n\#(id)", "amount": "\#(id).50"}"#
      ).expect(200)
    }
    return client
  }

  private struct Table: Decodable, Sendable {
    struct Column: Decodable, Sendable {
      let name: String
      let type: String
      let values: [String?]
    }
    let columns: [Column]
  }

  /// What pyarrow makes of an answer: of a table its JSON description, of a coded text the text.
  private static func read(_ body: [UInt8], _ form: String) async throws -> Data {
    let folder = try TemporaryFolder()
    let file = folder.path + "/answer"
    try Data(body).write(to: URL(fileURLWithPath: file))
    try await ChildProgram.run(
      [
        "/usr/bin/env", "PYTHONPATH=" + Repository.path(".deps/oracle"), "/usr/bin/python3",
        Repository.path("Tests/Oracle/exchange_oracle.py"), form, file,
      ], outputPath: file + ".out")
    return try Data(contentsOf: URL(fileURLWithPath: file + ".out"))
  }

  @Test(arguments: [("arrow", arrow), ("parquet", parquet)])
  func aTableComesOutAsPyarrowReadsIt(form: String, mediaType: String) async throws {
    let client = try await Self.tenant()
    let reply = try await client.with("Accept", mediaType)
      .query("SELECT *, sum(id) OVER () AS total FROM t ORDER BY id").expect(200)
    #expect(reply.header("Content-Type") == mediaType)
    #expect(reply.header("Content-Encoding") == nil)
    #expect(reply.header("X-DuckMesh-Max-Visibility-Token") == "3")
    #expect(reply.header("X-DuckMesh-Snapshot-ID") != nil)
    #expect(reply.response.trailer("X-DuckMesh-Truncated") == "false")
    #expect(reply.response.trailer("X-DuckMesh-Row-Count") == "3")
    let table = try JSONDecoder().decode(
      Table.self, from: try await Self.read(reply.response.body, form))
    #expect(table.columns.map(\.name) == ["id", "name", "amount", "total"])
    #expect(
      table.columns.map(\.type) == [
        "int64", "string", "decimal128(18, 2)", "decimal128(38, 0)",
      ])
    #expect(
      table.columns.map(\.values) == [
        ["1", "2", "3"], ["n1", "n2", "n3"], ["1.50", "2.50", "3.50"], ["6", "6", "6"],
      ])
  }

  @Test(arguments: [("arrow", arrow), ("parquet", parquet)])
  func truncationTravelsInATrailerAndNoRowsAreATable(form: String, type: String) async throws {
    let client = try await Self.tenant().with("Accept", type)
    let cut = try await client.query("FROM t ORDER BY id", more: #", "row_limit": 2"#).expect(200)
    #expect(cut.response.trailer("X-DuckMesh-Truncated") == "true")
    #expect(cut.response.trailer("X-DuckMesh-Row-Count") == "2")
    let two = try JSONDecoder().decode(
      Table.self, from: try await Self.read(cut.response.body, form))
    #expect(two.columns[0].values == ["1", "2"])
    let none = try await client.query("FROM t WHERE id > 9").expect(200)
    let empty = try JSONDecoder().decode(
      Table.self, from: try await Self.read(none.response.body, form))
    #expect(empty.columns.map(\.values) == [[], [], []])
    #expect(empty.columns.map(\.name) == ["id", "name", "amount"])
  }

  @Test(arguments: [arrow, parquet])
  func binaryFormsRefuseBeforeTheFirstByte(type: String) async throws {
    let client = try await Self.tenant().with("Accept", type)
    try await client.query("SELEC 1").expectError(400, "INVALID_SQL")
    try await client.query("FROM nosuch").expectError(404, "TABLE_NOT_FOUND")
    try await client.query("COPY t TO 'x.parquet'").expectError(403, "SQL_NOT_ALLOWED")
    try await client.query("SELECT 170141183460469231731687303715884105727")
      .expectError(400, "QUERY_FAILED")
    try await client.query(
      "SELECT count(*) FROM range(10000000000) a, range(10000000000) b",
      more: #", "timeout_ms": 300"#
    ).expectError(504, "QUERY_TIMEOUT")
    try await client.query("SELECT count(*) FROM t").expect(200)
  }

  @Test func streamsHaveNoRowLimitOfTheirOwn() async throws {
    let client = try await Self.tenant()
    for type in ["application/x-ndjson", "text/csv", Self.arrow, Self.parquet] {
      let reply = try await client.with("Accept", type).with("Accept-Encoding", "zstd")
        .query("SELECT 1 AS a FROM range(1000001)").expect(200)
      #expect(reply.response.trailer("X-DuckMesh-Row-Count") == "1000001", "\(type)")
      #expect(reply.response.trailer("X-DuckMesh-Truncated") == "false", "\(type)")
      let limited = try await client.with("Accept", type)
        .query("SELECT 1 AS a", more: #", "row_limit": 5000000"#)
      limited.expect(200)
    }
    try await client.query("SELECT 1", more: #", "row_limit": 5000000"#)
      .expectError(400, "LIMIT_EXCEEDED")
  }

  @Test(arguments: ["gzip", "zstd"], ["application/json", "application/x-ndjson", "text/csv"])
  func compressedTextIsTheSameText(coding: String, type: String) async throws {
    let client = try await Self.tenant().with("Accept", type)
    let sql = "SELECT i, 'row ' || i AS name FROM range(9000) r(i)"
    let plain = try await client.query(sql).expect(200)
    let coded = try await client.with("Accept-Encoding", coding).query(sql).expect(200)
    #expect(plain.header("Content-Encoding") == nil)
    #expect(coded.header("Content-Encoding") == coding)
    #expect(coded.header("Vary")?.contains("Accept-Encoding") == true)
    #expect(coded.response.body.count * 2 < plain.response.body.count)
    let text = String(decoding: try await Self.read(coded.response.body, coding), as: UTF8.self)
    if type == "application/json" {
      let (first, second) = (try JSONValue(parsing: Array(text.utf8)), plain.json)
      #expect(first["rows"]?.compactText == second?["rows"]?.compactText)
      #expect(first["row_count"]?.integer == 9_000)
    } else {
      #expect(text == plain.text)
      #expect(coded.response.trailer("X-DuckMesh-Row-Count") == "9000")
    }
  }

  @Test func whatIsSmallOrBinaryOrRefusedGoesAsItIs() async throws {
    let client = try await Self.tenant().with("Accept-Encoding", "gzip, zstd")
    #expect(try await client.query("SELECT 1").expect(200).header("Content-Encoding") == nil)
    for type in [Self.arrow, Self.parquet] {
      let reply = try await client.with("Accept", type).query("FROM range(100000)").expect(200)
      #expect(reply.header("Content-Encoding") == nil)
    }
    let refused = try await client.with("Accept", "text/csv").query("FROM nosuch")
    refused.expectError(404, "TABLE_NOT_FOUND")
    #expect(refused.header("Content-Encoding") == nil)
  }

  @Test func aCodingThatIsNotThereIsRefusedWhenNothingElseIsTaken() async throws {
    let client = try await Self.tenant()
    for codings in ["identity;q=0", "br, identity;q=0", "*;q=0", "gzip;q=0, *;q=0"] {
      try await client.with("Accept-Encoding", codings).query("SELECT 1")
        .expectError(406, "NOT_ACCEPTABLE")
    }
    try await client.with("Accept-Encoding", "gzip, identity;q=0").with("Accept", Self.arrow)
      .query("SELECT 1").expectError(406, "NOT_ACCEPTABLE")
  }

  @Test(arguments: [
    ("application/x-ndjson;q=0.5, text/csv", "text/csv"),
    ("text/csv;q=0.5, application/x-ndjson;q=0.7", "application/x-ndjson"),
    ("text/*;q=0.1, application/json;q=0.01", "text/csv"),
    ("application/json;q=0, */*", "application/x-ndjson"),
    ("application/json;q=0, application/x-ndjson;q=0, */*;q=0.2", "text/csv"),
    ("image/png, */*;q=0.001", "application/json"),
    ("APPLICATION/VND.APACHE.PARQUET", parquet), ("", "application/json"),
    ("text/csv;q=0, application/vnd.apache.arrow.stream", arrow),
  ])
  func acceptDecidesByItsWeights(accept: String, type: String) async throws {
    let reply = try await Self.tenant().with("Accept", accept).query("SELECT 1 AS a").expect(200)
    #expect(reply.header("Content-Type")?.hasPrefix(type) == true)
  }

  @Test(arguments: [arrow, parquet, "gzip", "zstd"])
  func anErrorInMidStreamCutsTheConnection(form: String) async throws {
    let client = try await Self.tenant()
    let isCoding = form == "gzip" || form == "zstd"
    let fields =
      isCoding
      ? "Accept: text/csv\r\nAccept-Encoding: \(form)\r\n" : "Accept: \(form)\r\n"
    // The engine gives rows out once it has some ten megabytes of them: the error comes after that.
    let body =
      #"{"sql": "SELECT md5(i::VARCHAR) || repeat(md5((i * 3)::VARCHAR), 60) AS filler, "#
      + #"CAST(CASE WHEN i = 130000 THEN 'x' ELSE '1' END AS BIGINT) AS n "#
      + #"FROM range(140000) AS r(i)"}"#
    let request =
      "POST /v1/query HTTP/1.1\r\nHost: 127.0.0.1:\(client.server.port)\r\n"
      + "X-Tenant-ID: \(client.tenant ?? "")\r\n\(fields)Connection: close\r\n"
      + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    let answer = try await RawConnection.exchange(client.server, Array(request.utf8))
    #expect(answer.status == 200)
    #expect(!answer.text.hasSuffix("0\r\n\r\n") && !answer.text.contains("X-DuckMesh-Row-Count: "))
    #expect(try await client.rows("SELECT 1") == "[[1]]")
  }
}

/// The weighing of headers by itself.
@Suite struct ContentNegotiationTests {
  @Test(
    arguments: [
      (nil, "identity"), ("", "identity"), ("gzip", "gzip"), ("zstd", "zstd"),
      ("gzip, zstd", "zstd"), ("gzip;q=1.0, zstd;q=0.999", "gzip"), ("x-gzip", "gzip"),
      ("identity, gzip;q=0.5", "identity"), ("identity;q=0.5, gzip;q=0.5", "gzip"),
      ("gzip;q=0", "identity"), ("br", "identity"), ("*", "zstd"), ("*, zstd;q=0", "gzip"),
      ("*;q=0.1, identity;q=0.2", "identity"), ("identity;q=0, gzip", "gzip"),
      ("*;q=0, gzip;q=0.001", "gzip"), (" GZIP ;\tQ=0.3 ,, deflate", "gzip"),
      ("gzip;q=nonsense", "identity"), ("gzip;q=1.1", "identity"), ("gzip;q=0.0001", "identity"),
      ("gzip;level=1;q=0.2", "gzip"), ("identity;q=0", nil), ("*;q=0", nil),
      ("br;q=1, *;q=0", nil), ("gzip;q=0, zstd;q=0, identity;q=0", nil),
    ] as [(String?, String?)])
  func acceptEncodingIsWeighed(header: String?, coding: String?) {
    #expect(ContentCoding.chosen(by: header, compresses: true)?.rawValue == coding)
  }

  @Test func whatIsCompactGoesAsItIsOrNotAtAll() {
    #expect(ContentCoding.chosen(by: "gzip, zstd, br", compresses: false) == .identity)
    #expect(ContentCoding.chosen(by: "gzip, identity;q=0", compresses: false) == nil)
    #expect(ContentCoding.chosen(by: nil, compresses: false) == .identity)
  }

  @Test func weightsAreReadAsTheStandardWritesThem() {
    let list = WeightedList("a, b;q=0.5;x=y, c;q=0, d;q=1.000, e;q=0.125, f;q=2, ;q=1, g ; q = .5")
    #expect(
      list.items.map { "\($0.name) \($0.weight)" } == [
        "a 1000", "b 500", "c 0", "d 1000", "e 125", "f 0", "g 0",
      ])
  }
}
