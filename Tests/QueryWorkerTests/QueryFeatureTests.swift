import DuckDB
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
      let all = try await text("SHOW ALL TABLES")
      #expect(
        all == #"["memory","main","Orders",["total"],["DECIMAL(18,2)"],false],"#
          + #"["memory","main","events",["id","name"],["BIGINT","VARCHAR"],false]"#)
    }
  }

  /// Whatever way the engine's own list is named, ours answers.
  @Test func theListOfTablesIsTheTenantsAndNothingElse() async throws {
    try await Self.withEvents { fixture in
      func text(_ sql: String) async throws -> String {
        try await fixture.run(sql, listing: Self.listing).text
      }
      let both = #"["Orders"],["events"]"#
      for sql in [
        "SHOW TABLES", "show tables;", "DESCRIBE TABLES", "/* a */ SHOW -- b\n TABLES ;",
        "FROM (SHOW TABLES)", "WITH x AS (SHOW TABLES) FROM x ORDER BY 1",
        "SELECT table_name FROM information_schema.tables ORDER BY 1",
        "SELECT tables.table_name FROM INFORMATION_SCHEMA.Tables ORDER BY 1",
        "SELECT information_schema.tables.table_name FROM information_schema.tables ORDER BY 1",
        #"SELECT t.table_name FROM "Information_Schema" /* x */ . "TABLES" AS t ORDER BY 1"#,
        "SELECT DISTINCT table_name FROM information_schema.columns ORDER BY 1",
        "SELECT name FROM (SHOW ALL TABLES) ORDER BY 1", "SELECT name FROM (DESCRIBE TABLES)",
        "SELECT table_name FROM (TABLE information_schema.tables) ORDER BY 1",
      ] {
        #expect(try await text(sql) == both, "\(sql)")
      }
      #expect(
        try await text(
          "SELECT catalog_name = current_database(), schema_name "
            + "FROM information_schema.schemata") == #"[true,"main"]"#)
      #expect(
        try await text(
          "SELECT 'information_schema.tables', $$(SHOW TABLES)$$, "
            + #"e'\'information_schema.tables', count(*) FROM information_schema.tables"#)
          == #"["information_schema.tables","(SHOW TABLES)","'information_schema.tables",2]"#)
      let plan = try await text("EXPLAIN ANALYZE FROM information_schema.columns")
      #expect(plan.contains("information_schema") && !plan.contains("_dl_"))
      let none = try await fixture.run("FROM information_schema.tables", tenant: 2, listing: [])
      #expect(none.text.isEmpty && none.ending?.rowCount == 0)
      #expect(try await fixture.run("SHOW TABLES", tenant: 2, listing: []).text.isEmpty)
    }
  }

  @Test func columnsAreDescribedAsToolsExpect() async throws {
    try await PoolFixture.withPool { fixture in
      let listing = [
        ListedTable(
          name: "t",
          columns: [
            ListedColumn(
              name: "id", type: "BIGINT", isNullable: false, comment: "it's the key"),
            ListedColumn(name: "amount", type: "DECIMAL(18,2)", defaultText: "0.5"),
            ListedColumn(name: "ratio", type: "DOUBLE"),
            ListedColumn(name: "tags", type: "VARCHAR[]"),
            ListedColumn(name: "at", type: "TIMESTAMP WITH TIME ZONE"),
          ])
      ]
      let answer = try await fixture.run(
        "SELECT column_name, ordinal_position, column_default, is_nullable, data_type, "
          + "numeric_precision, numeric_precision_radix, numeric_scale, column_comment "
          + "FROM information_schema.columns ORDER BY ordinal_position", listing: listing)
      #expect(
        answer.text == #"["id",1,null,"NO","BIGINT",64,2,0,"it's the key"],"#
          + #"["amount",2,"0.5","YES","DECIMAL(18,2)",18,10,2,null],"#
          + #"["ratio",3,null,"YES","DOUBLE",53,2,null,null],"#
          + #"["tags",4,null,"YES","VARCHAR[]",null,null,null,null],"#
          + #"["at",5,null,"YES","TIMESTAMP WITH TIME ZONE",null,null,null,null]"#)
      // Names and types are those of the engine's own views.
      let own = try await Blocking.run {
        let connection = try DuckDBInstance().connect()
        return try ["tables", "columns", "schemata"].map { view in
          try connection.query("DESCRIBE information_schema.\(view)").rows.map {
            "\($0[0].string ?? "") \($0[1].string ?? "")"
          }
        }
      }
      for (view, columns) in zip(["tables", "columns", "schemata"], own) {
        let answer = try await fixture.run("FROM information_schema.\(view)", listing: listing)
        #expect(zip(answer.columns, answer.types).map { "\($0) \($1)" } == columns, "\(view)")
      }
    }
  }

  @Test func aListOfManyTablesIsShownWhole() async throws {
    try await PoolFixture.withPool { fixture in
      let columns = (0..<50).map { ListedColumn(name: "c\($0)", type: "BIGINT") }
      let listing = (0..<1_000).map { ListedTable(name: "t\($0)", columns: columns) }
      let answer = try await fixture.run(
        "SELECT count(*), count(DISTINCT table_name) FROM information_schema.columns",
        listing: listing)
      #expect(answer.text == "[50000,1000]")
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
