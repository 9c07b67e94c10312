import DuckDB
import QueryWorker
import Testing
import WorkerProtocol

@Suite struct StatementGateTests {
  static func check(_ statements: [String]) async throws -> [Result<GatedStatement, QueryFailure>] {
    try await Blocking.run {
      let gate = try StatementGate(try DuckDBInstance().connect())
      return statements.map { sql in
        Result { () throws(QueryFailure) in try gate.check(sql) }
      }
    }
  }

  static func expectAllowed(
    _ statements: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    for (sql, result) in zip(statements, try await check(statements)) {
      if case .failure(let failure) = result {
        Issue.record("\(sql): \(failure.message)", sourceLocation: sourceLocation)
      }
    }
  }

  static func expectRefused(
    _ statements: [String], as kind: QueryFailureKind,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    for (sql, result) in zip(statements, try await check(statements)) {
      switch result {
      case .success: Issue.record("passed: \(sql)", sourceLocation: sourceLocation)
      case .failure(let failure):
        #expect(
          failure.failure == kind, "\(sql): \(failure.message)", sourceLocation: sourceLocation)
      }
    }
  }

  @Test func whatAnalystsWritePasses() async throws {
    try await Self.expectAllowed(GateSamples.allowed)
  }

  @Test func statementsThatAreNoQueriesAreRefused() async throws {
    try await Self.expectRefused(GateSamples.notQueries, as: .sqlNotAllowed)
  }

  @Test func statementsHiddenInQueriesAreRefused() async throws {
    try await Self.expectRefused(GateSamples.hiddenStatements, as: .sqlNotAllowed)
  }

  @Test func functionsThatReachOutsideAreRefused() async throws {
    try await Self.expectRefused(GateSamples.reachingFunctions, as: .sqlNotAllowed)
    try await Self.expectRefused(
      FunctionAllowlist.refusedTableFunctions.sorted().map { "SELECT * FROM \($0)('x')" },
      as: .sqlNotAllowed)
    try await Self.expectRefused(
      FunctionAllowlist.refusedNames.sorted().map { "SELECT \"\($0)\"(1)" }, as: .sqlNotAllowed)
  }

  @Test func namesThatAreNoTablesOfTheTenantAreRefused() async throws {
    try await Self.expectRefused(GateSamples.foreignNames, as: .sqlNotAllowed)
    try await Self.expectRefused(
      ["FROM \"a b\"", "FROM \"größe\"", "FROM \"1a\""], as: .tableNotFound)
  }

  @Test func textsThatDoNotParseAreInvalid() async throws {
    try await Self.expectRefused(GateSamples.unparseable, as: .invalidSQL)
    try await Self.expectRefused(["SELECT $a, ?", "SELECT $a + $1"], as: .parametersInvalid)
  }

  @Test func deepAndLongStatementsAreBounded() async throws {
    let deep = [
      "SELECT " + String(repeating: "(", count: 100_000) + "1"
        + String(repeating: ")", count: 100_000),
      "SELECT " + String(repeating: "[", count: 5_000) + String(repeating: "]", count: 5_000),
      "SELECT " + String(repeating: "NOT ", count: 60_000) + "true",
      "SELECT 1" + String(repeating: "+1", count: 100_000),
      "SELECT 1" + String(repeating: "::INT", count: 50_000),
      "SELECT '" + String(repeating: "x", count: WorkerQuery.maximumSQLBytes) + "'",
      "/*" + String(repeating: "/*", count: 100_000),
      "EXPLAIN /*" + String(repeating: "/*", count: 100_000),
    ]
    for (index, result) in try await Self.check(deep).enumerated() {
      #expect(throws: QueryFailure.self, "number \(index)") { try result.get() }
    }
    try await Self.expectAllowed([
      "SELECT 1" + String(repeating: "+1", count: 800),
      "SELECT 1 IN (" + (0..<20_000).map(String.init).joined(separator: ",") + ")",
      (0..<1_000).map { "SELECT \($0)" }.joined(separator: " UNION ALL "),
    ])
  }

  @Test func explainIsPutBackBeforeWhatWasGated() async throws {
    let results = try await Self.check([
      "EXPLAIN SELECT 1", "/* a */ explain -- b\n analyze SELECT 1",
      "EXPLAIN (FORMAT JSON) SELECT 1", "EXPLAIN (ANALYZE, FORMAT json) SELECT 1",
      "EXPLAIN (SELECT 1)", "SELECT 1 AS explain",
    ])
    let texts = try results.map { try $0.get().text }
    #expect(
      texts == [
        "EXPLAIN SELECT 1", "EXPLAIN ANALYZE  SELECT 1", "EXPLAIN (FORMAT JSON)  SELECT 1",
        "EXPLAIN (ANALYZE, FORMAT JSON)  SELECT 1", "EXPLAIN (SELECT 1)", "SELECT 1 AS explain",
      ])
  }

  @Test func namesOfWithHideTablesOnlyWhereTheEngineSeesThem() async throws {
    let expected: [(String, [String])] = [
      ("WITH a AS (SELECT 1) FROM a", []),
      ("WITH a AS (FROM b), b AS (FROM a) FROM b", ["b"]),
      ("WITH a AS (FROM a) FROM a", ["a"]),
      ("WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM a) FROM a", []),
      ("FROM (WITH a AS (SELECT 1) FROM a) JOIN a ON true", ["a"]),
      ("SELECT (WITH a AS (SELECT 1) SELECT count(*) FROM a), (SELECT count(*) FROM a)", ["a"]),
      ("WITH a AS (SELECT 1) SELECT * FROM (SELECT * FROM A)", []),
      ("WITH a AS (SELECT 1) FROM main.a", ["a"]),
      ("FROM t JOIN T ON true JOIN main.t ON true", ["t"]),
      ("WITH a AS (WITH b AS (SELECT 1) FROM b) FROM a, b", ["b"]),
      ("SELECT 1 UNION ALL (WITH a AS (SELECT 1) FROM a) UNION ALL FROM a", ["a"]),
      ("DESCRIBE t", ["t"]), ("SUMMARIZE t", ["t"]), ("SHOW t", ["t"]),
      (
        "SELECT * FROM u WHERE x IN (SELECT y FROM v) ORDER BY (SELECT max(z) FROM w)",
        ["u", "v", "w"]
      ),
      ("PIVOT t ON a IN (1, 2) USING sum(b)", ["t"]),
    ]
    let results = try await Self.check(expected.map(\.0))
    for ((sql, tables), result) in zip(expected, results) {
      let found = try result.get().tables
      #expect(found.sorted() == tables.sorted(), "\(sql)")
    }
  }

  @Test func theListingIsAskedForOnlyWhenItIsLookedAt() async throws {
    let results = try await Self.check([
      "SHOW TABLES", "SHOW ALL TABLES", "FROM information_schema.tables",
      "SELECT * FROM information_schema.columns", "SELECT 1", "DESCRIBE t",
    ])
    #expect(
      try results.map { try $0.get().wantsListing } == [true, true, true, true, false, false])
  }

  @Test func parametersAreKnownBeforeTheStatementIsPrepared() async throws {
    let results = try await Self.check([
      "SELECT 1", "SELECT $a, $B, $a", "SELECT ?, ?", "SELECT $2, $1", "FROM t LIMIT $n",
    ])
    #expect(
      try results.map { try $0.get().parameters } == [
        .none, .named(["a", "B"]), .positional(count: 2), .positional(count: 2), .named(["n"]),
      ])
  }

  @Test func everyFunctionOfTheEngineIsClassified() async throws {
    let functions = try await Blocking.run {
      let connection = try DuckDBInstance().connect()
      let table = try connection.query(
        """
        SELECT DISTINCT function_name, function_type IN ('table', 'table_macro')
        FROM duckdb_functions() WHERE function_type <> 'pragma' AND schema_name = 'main'
        """)
      return table.rows.map { (name: $0[0].string ?? "", isTable: $0[1].bool ?? false) }
    }
    #expect(functions.count > 1_000)
    for function in functions {
      let name = function.name
      if function.isTable {
        let isKnown =
          FunctionAllowlist.tableFunctions.contains(name)
          != FunctionAllowlist.refusedTableFunctions.contains(name)
        #expect(isKnown, "table function \(name)")
      } else {
        let isRefused =
          FunctionAllowlist.refusedNames.contains(name)
          || FunctionAllowlist.refusedPrefixes.contains { name.hasPrefix($0) }
        let isAllowed =
          FunctionAllowlist.names.contains(name) || FunctionAllowlist.operators.contains(name)
        #expect(isRefused != isAllowed, "function \(name)")
      }
    }
  }
}
