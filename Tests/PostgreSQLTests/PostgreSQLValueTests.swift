import PostgreSQL
import TestSupport
import Testing

@Suite("PostgreSQL values")
struct PostgreSQLValueTests {
  @Test("Something comes back")
  func some() async throws {
    let database = try await PostgreSQLCluster.shared().makeDatabase()
    let pool = try PostgreSQLPool(options: .init(connection: database.connection))
    let rows = try await pool.call("SELECT $1 + 1", [.int64(41)])
    #expect(rows.int64(0, 0) == 42)
    try await pool.transaction { (session) throws(PostgreSQLError) in
      try session.script("CREATE TABLE t(a BIGINT); INSERT INTO t VALUES (1), (2)")
      _ = try session.query("INSERT INTO t SELECT unnest($1)", [.int64s([5, 6])])
    }
    #expect(
      try await pool.snapshot { (session) throws(PostgreSQLError) in
        try session.query("SELECT count(*) FROM t").int64(0, 0)
      } == 4)
    #expect(
      try await pool.snapshot { (session) throws(PostgreSQLError) in
        try session.query("SELECT count(*) FROM t").int64(0, 0)
      } == 4)
    await pool.close()
  }
}
