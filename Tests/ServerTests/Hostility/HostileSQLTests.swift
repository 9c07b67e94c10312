import Foundation
import Runtime
import SimdJSON
import Testing

/// Statements that attack, over the API of a whole server with small memory.
@Suite(
  .sharedServer([
    "DUCKMESH_WORKER_MEMORY_BYTES": "256MiB", "DUCKMESH_NODE_QUERY_MEMORY_BYTES": "1GiB",
    "DUCKMESH_WORKER_TEMP_BYTES": "64MiB", "DUCKMESH_SANDBOX": "require",
  ]), .serialized) struct HostileSQLTests
{
  private static let timeoutMs = 1_000

  /// Two tenants with one row each, and the folders in which their files lie.
  private static func tenants() async throws -> (APIClient, APIClient) {
    let clients = [try ServerProcess.shared.newTenant(), try ServerProcess.shared.newTenant()]
    for (number, client) in clients.enumerated() {
      try await client.createTable("t", "id BIGINT").expect(201)
      try await client.ingestVisibly("t", key: "k", #"{"id": \#(number)}"#).expect(200)
    }
    return (clients[0], clients[1])
  }

  /// The next query of each tenant answers as ever.
  private static func expectService(_ clients: (APIClient, APIClient), after sql: String)
    async throws
  {
    #expect(try await clients.0.rows("FROM t") == "[[0]]", "after \(sql)")
    #expect(try await clients.1.rows("FROM t") == "[[1]]", "after \(sql)")
  }

  @Test func filesCannotBeRead() async throws {
    let tenants = try await Self.tenants()
    let data = tenants.0.server.dataFolder
    let files = FileManager.default.enumerator(atPath: data)?.compactMap { $0 as? String } ?? []
    let parquet = files.filter { $0.hasSuffix(".parquet") }.map { data + "/" + $0 }
    try #require(parquet.count >= 2)
    let link = (parquet[0] as NSString).deletingLastPathComponent + "/link.parquet"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: parquet[1])
    defer { try? FileManager.default.removeItem(atPath: link) }
    var paths = ["/etc/passwd", "/proc/self/environ", link, data + "/catalog.sqlite"]
    paths += parquet.prefix(2)
    paths += [(parquet[0] as NSString).deletingLastPathComponent + "/*.parquet"]
    paths += [data + "/**/*.parquet", "../../etc/passwd"]
    for path in paths {
      for sql in [
        "FROM '\(path)'", "FROM read_parquet('\(path)')", "FROM read_text('\(path)')",
        "FROM read_csv('\(path)')", "FROM read_blob('\(path)')", "FROM glob('\(path)')",
        "FROM sqlite_scan('\(path)', 'x')",
      ] {
        let reply = try await tenants.0.query(sql)
        reply.expectError(403, "SQL_NOT_ALLOWED")
        #expect(!reply.text.contains("root:"), "\(sql)")
      }
    }
    try await Self.expectService(tenants, after: "reading files")
  }

  @Test func statementsThatActAreRefused() async throws {
    let tenants = try await Self.tenants()
    let file = tenants.0.server.folder.path + "/written"
    for sql in [
      "COPY t TO '\(file)'", "COPY (SELECT 1) TO '\(file)'",
      "WITH x AS (COPY (SELECT 1) TO '\(file)') SELECT 1", "PIVOT t ON id USING sum(id)",
      "CREATE TABLE x AS PIVOT t ON id USING sum(id)",
      "COPY (PIVOT t ON id USING sum(id)) TO '\(file)'", "ATTACH '\(file)'",
      "ATTACH ':memory:' AS m", "INSTALL httpfs", "LOAD httpfs", "SET memory_limit = '99GB'",
      "SET lock_configuration = false", "RESET threads", "PRAGMA database_list",
      "EXPLAIN ANALYZE COPY (SELECT 1) TO '\(file)'", "EXPLAIN COPY t TO '\(file)'",
      "SELECT 1; SELECT 2", "SELECT 1; DROP TABLE t", "FROM query('SELECT 1')",
      "FROM query_table('t')",
      "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
      "EXPORT DATABASE '\(file)'", "CALL enable_logging()", "INSERT INTO t VALUES (5)",
      "DELETE FROM t", "UPDATE t SET id = 9", "DROP TABLE t", "CREATE SECRET s (TYPE s3)",
      "SELECT current_setting('temp_directory')", "FROM duckdb_settings()", "SELECT getenv('PATH')",
    ] {
      try await tenants.0.query(sql).expectError(403, "SQL_NOT_ALLOWED")
    }
    #expect(!FileManager.default.fileExists(atPath: file))
    try await Self.expectService(tenants, after: "statements that act")
  }

  @Test(arguments: [
    "SELECT length(repeat('x', 2000000000))", "SELECT repeat('x', 2e9::BIGINT)",
    "SELECT len(range(500000000))", "SELECT range(5e8::BIGINT)",
    "SELECT len(generate_series(TIMESTAMP '1900-01-01', TIMESTAMP '2100-01-01', INTERVAL 1 SECOND))",
    "SELECT count(*) FROM range(10000000000) a, range(10000000000) b",
    "SELECT sum(a.id + b.range) FROM t a, range(100000000000) b",
    "WITH RECURSIVE q AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM q) SELECT max(n) FROM q",
    "SELECT string_agg(repeat('x', 1000), '') FROM range(100000000)",
    "SELECT list(range) FROM range(2000000000)",
    "SELECT regexp_matches(repeat('a', 1000000), '(a*)*b')",
  ])
  func aBombEndsInTimeAndCostsOneQuery(_ sql: String) async throws {
    let tenants = try await Self.tenants()
    let reply = try await tenants.0.query(sql, more: #", "timeout_ms": \#(Self.timeoutMs)"#)
    let documented: [String: Int] = [
      "QUERY_TIMEOUT": 504, "QUERY_MEMORY_EXCEEDED": 400, "QUERY_FAILED": 400,
      "RESULT_TOO_LARGE": 413,
    ]
    if reply.status != 200 || !sql.contains("regexp") {
      reply.expectError(documented[reply.errorCode ?? ""] ?? 0, reply.errorCode ?? "none")
    }
    try await Self.expectService(tenants, after: sql)
  }
}
