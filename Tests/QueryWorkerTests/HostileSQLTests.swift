import Foundation
import Testing
import WorkerPool
import WorkerProtocol

/// Statements that attack, run in real workers with everything on.
@Suite struct HostileSQLTests {
  /// After each attack both tenants must get answers.
  private static func expectService(_ fixture: PoolFixture, after sql: String) async throws {
    for tenant: Int64 in [1, 2] {
      let answer = try await fixture.run("SELECT count(*) FROM events", tenant: tenant)
      #expect(answer.text == "[\(tenant * 10)]", "tenant \(tenant) after \(sql)")
    }
  }

  private static func withTwoTenants(
    _ adjustment: PoolAdjustment = .none,
    _ body: (PoolFixture) async throws -> Void
  ) async throws {
    try await PoolFixture.withPool(adjustment) { fixture in
      for tenant: Int64 in [1, 2] {
        try await fixture.lake.write(
          "events", of: tenant, as: "SELECT range AS id FROM range(\(tenant * 10))")
      }
      try await body(fixture)
    }
  }

  @Test func filesCannotBeRead() async throws {
    try await Self.withTwoTenants { fixture in
      let own = fixture.lake.folder(of: 1)
      let other = fixture.lake.folder(of: 2)
      try FileManager.default.createSymbolicLink(
        atPath: own + "/link.parquet", withDestinationPath: other + "/events/data-1.parquet")
      let paths = [
        "/etc/passwd", other + "/events/data-1.parquet", own + "/../schema-2/events/data-1.parquet",
        own + "/link.parquet", own + "/*/*.parquet", other + "/**/*.parquet", "/proc/self/environ",
        own + "/events/data-1.parquet",
      ]
      for path in paths {
        for sql in [
          "SELECT * FROM '\(path)'", "FROM read_parquet('\(path)')", "FROM read_text('\(path)')",
          "FROM read_csv('\(path)')", "FROM glob('\(path)')", "DESCRIBE '\(path)'",
        ] {
          #expect(await fixture.failure(of: sql) == .query(.sqlNotAllowed), "\(sql)")
        }
      }
      try await Self.expectService(fixture, after: "reading files")
    }
  }

  @Test func statementsThatActAreRefused() async throws {
    try await Self.withTwoTenants { fixture in
      let file = fixture.lake.folder(of: 1) + "/written.parquet"
      let statements = [
        "COPY (SELECT 1) TO '\(file)'", "WITH x AS (COPY (SELECT 1) TO '\(file)') SELECT 1",
        "PIVOT events ON id USING sum(id)", "CREATE TABLE x AS PIVOT events ON id USING sum(id)",
        "COPY (PIVOT events ON id USING sum(id)) TO '\(file)'", "ATTACH '\(file)'",
        "ATTACH ':memory:' AS m", "INSTALL httpfs", "LOAD httpfs", "SET memory_limit = '99GB'",
        "SET lock_configuration = false", "EXPLAIN ANALYZE COPY (SELECT 1) TO '\(file)'",
        "SELECT 1; SELECT 2", "FROM query('SELECT 1')",
        "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
        "EXPORT DATABASE '\(fixture.lake.folder(of: 1))'", "CALL enable_logging()",
      ]
      for sql in statements {
        #expect(await fixture.failure(of: sql) == .query(.sqlNotAllowed), "\(sql)")
      }
      #expect(!FileManager.default.fileExists(atPath: file))
      try await Self.expectService(fixture, after: "statements that act")
    }
  }

  @Test(arguments: [
    "SELECT length(repeat('x', 2000000000))",
    "SELECT length(repeat('x', 2000000000) || repeat('y', 2000000000))",
    "SELECT len(range(500000000))",
    "SELECT len(list_transform(range(200000000), x -> x + 1))",
    "SELECT len(generate_series(TIMESTAMP '1900-01-01', TIMESTAMP '2100-01-01', INTERVAL 1 SECOND))",
    "SELECT count(*) FROM range(10000000000) a, range(10000000000) b",
    "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b",
    "WITH RECURSIVE q AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM q) SELECT max(n) FROM q",
    "SELECT list(range) FROM range(2000000000)",
    "SELECT string_agg(repeat('x', 1000), '') FROM range(100000000)",
    "SELECT * FROM range(300000000) ORDER BY hash(range) LIMIT 1 OFFSET 299999999",
    "SELECT count(DISTINCT hash(range) || 'x') FROM range(1000000000)",
    "SELECT levenshtein(repeat('a', 100000), repeat('b', 100000))",
    "SELECT lpad('x', 2000000000, 'y')", "SELECT printf('%2000000000d', 1)",
    "SELECT format('{:2000000000}', 1)", "SELECT list_resize([1], 4000000000)",
    "SELECT bitstring('1', 2000000000)", "SELECT 1::BIT::VARCHAR || repeat('0', 1500000000)",
    "SELECT histogram(range) FROM range(500000000)",
    "SELECT json_object(repeat('k', 1000000000), 1)",
    "SELECT max(md5(a.range || b.range::VARCHAR)) FROM range(1000000) a, range(1000000) b",
  ])
  func aBombEndsWithinItsTimeAndCostsOneQuery(_ sql: String) async throws {
    try await Self.withTwoTenants(
      .with { options in
        options.graceMs = 500
        options.temporaryLimitBytes = 64 << 20
      }
    ) { fixture in
      let failure = await fixture.failure(of: sql, timeoutMs: 2_000)
      switch failure {
      case .timedOut, .query(.memoryExceeded), .query(.queryFailed), .query(.resultTooLarge),
        .query(.invalidSQL):
        break
      default: Issue.record("\(sql) gave \(String(describing: failure))")
      }
      try await Self.expectService(fixture, after: sql)
    }
  }

  @Test func noErrorTextNamesAFile() async throws {
    try await Self.withTwoTenants { fixture in
      for sql in [
        "SELECT no_such_column FROM events", "SELECT 1 / 0 % 0", "SELECT 'x'::INT FROM events",
        "SELECT id::TINYINT + 127::TINYINT FROM events",
        "SELECT error_of FROM events e JOIN events",
        "EXPLAIN ANALYZE SELECT nope FROM events", "SELECT sum(events) FROM events",
      ] {
        do {
          try await fixture.run(sql)
        } catch let error as WorkerError {
          guard case .failed(let failure) = error else { throw error }
          #expect(!failure.message.contains(fixture.lake.root), "\(failure.message)")
          #expect(!failure.message.contains("parquet"), "\(failure.message)")
        }
      }
    }
  }

  @Test func plansShowNoFiles() async throws {
    try await Self.withTwoTenants { fixture in
      for sql in [
        "EXPLAIN SELECT * FROM events WHERE id > 3", "EXPLAIN ANALYZE SELECT * FROM events",
        "EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM events", "EXPLAIN (FORMAT JSON) FROM events",
        "EXPLAIN ANALYZE SELECT * FROM events a JOIN events b USING (id) ORDER BY 1",
      ] {
        let plan = try await fixture.run(sql).text
        #expect(plan.contains("READ_PARQUET"), "\(sql): \(plan)")
        #expect(!plan.contains(fixture.lake.root), "\(sql): \(plan)")
        #expect(!plan.contains("data-1"), "\(sql): \(plan)")
      }
    }
  }

  @Test func aTableOfAnotherTenantDoesNotExist() async throws {
    try await Self.withTwoTenants { fixture in
      try await fixture.lake.write("secrets", of: 2, as: "SELECT 42 AS answer")
      #expect(await fixture.failure(of: "FROM secrets", tenant: 1) == .query(.tableNotFound))
      #expect(await fixture.failure(of: "FROM no_such_table") == .query(.tableNotFound))
      try await fixture.expect("FROM secrets", answers: "[42]", tenant: 2)
    }
  }
}
