import Testing
import WorkerPool
import WorkerProtocol

/// What a tenant's statement can count on.
@Suite struct QueryFeatureTests {
  private static let listing = [
    ListedTable(
      name: "events",
      columns: [
        ListedColumn(name: "id", type: "BIGINT"), ListedColumn(name: "name", type: "VARCHAR"),
      ], comment: "what happened; it's all here"),
    ListedTable(
      name: "Orders",
      columns: [ListedColumn(name: "total", type: "DECIMAL(18,2)")]),
  ]

  private static func withEvents(
    _ body: (PoolFixture) async throws -> Void
  ) async throws {
    try await PoolFixture.withPool { fixture in
      try await fixture.lake.write(
        "events", of: 1, as: "SELECT range AS id, 'n' || range AS name FROM range(100)")
      try await body(fixture)
    }
  }

  @Test func tablesAreListedAndDescribed() async throws {
    try await Self.withEvents { fixture in
      func text(_ sql: String) async throws -> String {
        try await fixture.run(sql, listing: Self.listing).text
      }
      let tables = try await text("SHOW TABLES")
      #expect(tables == #"["Orders"],["events"]"#)
      let described = try await text("DESCRIBE events")
      #expect(described.contains(#"["id","BIGINT","YES",null,null,null]"#))
      let summary = try await fixture.run("SUMMARIZE events")
      #expect(summary.ending?.rowCount == 2)
      let commented = try await text(
        "SELECT table_schema, table_name, table_comment FROM information_schema.tables ORDER BY 2")
      #expect(
        commented
          == #"["main","Orders",null],["main","events","what happened; it's all here"]"#)
      let columns = try await text(
        "SELECT table_name, column_name, data_type FROM information_schema.columns ORDER BY 1, 2")
      #expect(
        columns == #"["Orders","total","DECIMAL(18,2)"],["events","id","BIGINT"],"#
          + #"["events","name","VARCHAR"]"#)
      let both = try await text(
        "SELECT (SELECT count(*) FROM events), count(*) FROM information_schema.tables")
      #expect(both == "[100,2]")
      let all = try await fixture.run("SHOW ALL TABLES", listing: Self.listing)
      #expect(all.ending?.rowCount == 2)
      #expect(!all.text.contains(fixture.lake.root))
    }
  }

  @Test func rowsAreCutAtTheirLimitAndSaidToBe() async throws {
    try await Self.withEvents { fixture in
      for (limit, rows, truncated): (UInt64, UInt64, Bool) in [
        (10, 10, true), (99, 99, true), (100, 100, false), (101, 100, false), (0, 0, true),
      ] {
        let answer = try await fixture.run("FROM events") { $0.rowLimit = limit }
        #expect(answer.ending?.rowCount == rows)
        #expect(answer.ending?.truncated == truncated)
      }
      let many = try await fixture.run("FROM range(1000000)") { $0.rowLimit = 5_000 }
      #expect(many.ending?.rowCount == 5_000)
      #expect(many.ending?.truncated == true)
    }
  }

  @Test func anAnswerOverItsBytesFails() async throws {
    try await Self.withEvents { fixture in
      let failure = await fixture.failure(of: "SELECT repeat('x', 1000) FROM range(100000)") {
        $0.rowLimit = 1_000_000
        $0.resultByteLimit = 1 << 20
      }
      #expect(failure == .query(.resultTooLarge))
      let one = await fixture.failure(of: "SELECT repeat('x', 2000000)") {
        $0.resultByteLimit = 1 << 20
      }
      #expect(one == .query(.resultTooLarge))
    }
  }

  @Test func aRowLargerThanAFrameArrives() async throws {
    try await Self.withEvents { fixture in
      let answer = try await fixture.run("SELECT repeat('x', 20000000)")
      #expect(answer.byteCount == 20_000_004)
      #expect(answer.calls > 1)
    }
  }

  @Test func parametersAreBound() async throws {
    try await Self.withEvents { fixture in
      let good: [(sql: String, parameters: String, text: String)] = [
        ("SELECT $a + $A", #"{"a": 20}"#, "[40]"),
        ("SELECT ?, ?", #"["it's", null]"#, #"["it's",null]"#),
        ("SELECT count(*) FROM events WHERE id IN $ids", #"{"ids": [1, 2, 200]}"#, "[2]"),
        ("SELECT count(*) FROM events WHERE id = ANY ($ids)", #"{"ids": [1]}"#, "[1]"),
        ("SELECT typeof($x)", #"{"x": 18446744073709551615}"#, #"["UBIGINT"]"#),
        ("SELECT typeof($x)", #"{"x": 1.5}"#, #"["DOUBLE"]"#),
        ("SELECT typeof($x)", #"{"x": 1e2}"#, #"["DOUBLE"]"#),
        ("SELECT typeof($x)", #"{"x": 340282366920938463463374607431768211}"#, #"["HUGEINT"]"#),
        ("SELECT $x.b[2]", #"{"x": {"b": [1, 2.5]}}"#, "[2.5]"),
        ("SELECT DATE '2020-01-02' = $d", #"{"d": "2020-01-02"}"#, "[true]"),
        ("SELECT 1", "{}", "[1]"), ("SELECT 1", "[]", "[1]"), ("SELECT 1", "null", "[1]"),
        ("SELECT $s", #"{"s": "'; DROP TABLE events; --"}"#, #"["'; DROP TABLE events; --"]"#),
        ("SELECT $2 - $1", "[1, 3]", "[2]"), ("FROM range(10) LIMIT $n", #"{"n": 1}"#, "[0]"),
      ]
      for (sql, parameters, text) in good {
        let answer = try await fixture.run(sql) { $0.parameters = Array(parameters.utf8) }
        #expect(answer.text == text, "\(sql)")
      }
      let bad: [(String, String)] = [
        ("SELECT $a", "{}"), ("SELECT $a", ""), ("SELECT $a", #"{"b": 1}"#), ("SELECT $a", "[1]"),
        ("SELECT $a", #"{"a": 1, "A": 2}"#), ("SELECT $a", #"{"a": 1, "b": 2}"#),
        ("SELECT ?", "[]"), ("SELECT ?", "[1, 2]"), ("SELECT ?", #"{"a": 1}"#), ("SELECT ?", ""),
        ("SELECT 1", "[1]"), ("SELECT 1", #"{"a": 1}"#), ("SELECT ?", "{"), ("SELECT ?", "7"),
        ("SELECT ?, $a", "[1]"), ("SELECT $a", #"{"a": [1, "x"]}"#), ("SELECT $a", #"{"a": {}}"#),
        ("SELECT ?", String(repeating: "[", count: 100) + String(repeating: "]", count: 100)),
        ("SELECT ?", "[1e999]"), ("SELECT ?", "[\"\\ud800\"]"),
      ]
      for (sql, parameters) in bad {
        let failure = await fixture.failure(of: sql) { $0.parameters = Array(parameters.utf8) }
        #expect(failure == .query(.parametersInvalid), "\(sql) with \(parameters)")
      }
    }
  }

  @Test func theTimeZoneOfARequestHoldsForThatRequest() async throws {
    try await Self.withEvents { fixture in
      let sql = "SELECT date_part('hour', TIMESTAMPTZ '2020-01-01 12:00:00+00')"
      let tokyo = try await fixture.run(sql) { $0.timeZone = "Asia/Tokyo" }
      #expect(tokyo.text == "[21]")
      let utc = try await fixture.run(sql)
      #expect(utc.text == "[12]")
      let unknown = await fixture.failure(of: sql) { $0.timeZone = "Mars/Olympus" }
      #expect(unknown == .query(.parametersInvalid))
    }
  }

  @Test func errorsKeepTheirClass() async throws {
    try await Self.withEvents { fixture in
      let expected: [(String, QueryFailureKind)] = [
        ("SELEC 1", .invalidSQL), ("SELECT nope FROM events", .invalidSQL),
        ("SELECT 1 % 0", .queryFailed), ("SELECT 'x'::INT", .queryFailed),
        ("SELECT name::INT FROM events", .queryFailed), ("FROM nowhere", .tableNotFound),
        ("SELECT len(range(400000000))", .memoryExceeded),
        ("SELECT sum(x, y, z) FROM events", .invalidSQL),
      ]
      for (sql, kind) in expected {
        #expect(await fixture.failure(of: sql) == .query(kind), "\(sql)")
      }
      let names = await fixture.failure(of: "SELECT 1 AS a, 2 AS a") { $0.format = .ndjson }
      #expect(names == .query(.duplicateColumns))
      let twice = try await fixture.run("SELECT 1 AS a, 2 AS a")
      #expect(twice.columns == ["a", "a"])
    }
  }

  @Test func relationsMayNeedSetupAndKeepTheirSpelling() async throws {
    try await Self.withEvents { fixture in
      let file = fixture.lake.folder(of: 1) + "/events/data-1.parquet"
      let answer = CollectedAnswer()
      try await fixture.pool.run(
        WorkerQuery(sql: "SELECT count(*) FROM EVENTS JOIN main.events USING (id)"),
        tenant: fixture.lake.binding(1), deadline: .distantFuture,
        resolve: { need in
          #expect(need.tables == ["EVENTS"])
          return ResolvedRelations(relations: [
            RelationDefinition(
              name: "Events",
              select: "SELECT * FROM read_parquet(['\(file)']) WHERE ((file_index::BIGINT << 40) | "
                + "file_row_number) NOT IN (SELECT k FROM _dl_deletes_1)",
              setup: ["CREATE TEMP TABLE _dl_deletes_1 AS SELECT unnest([0, 5]::BIGINT[]) AS k"])
          ])
        }, output: answer)
      #expect(answer.text == "[98]")
    }
  }

  @Test(arguments: [1, 2, 4, 16, 64])
  func anyNumberOfThreadsFitsTheAddressSpace(threads: Int) async throws {
    try await PoolFixture.withPool(.with { $0.threadsPerWorker = threads }) { fixture in
      try await fixture.lake.write(
        "events", of: 1, as: "SELECT range AS id, range % 100 AS k FROM range(2000000)")
      let answer = try await fixture.run(
        "SELECT k, count(*) FROM events GROUP BY k ORDER BY sum(hash(id)), k", timeoutMs: 60_000)
      #expect(answer.ending?.rowCount == 100)
    }
  }
}
