import PostgreSQL
import Runtime
import TestSupport
import Testing

/// Changes the options of the tested pool.
typealias Adjustment = @Sendable (inout PostgreSQLPoolOptions) -> Void

/// A database of its own with the table `t(a BIGINT)`, a proxy before it, the pool that is tested
/// through the proxy, and one beside it that sees what became of things.
final class Bench: Sendable {
  let database: PostgreSQLDatabase
  let proxy: FaultProxy
  let pool: PostgreSQLPool
  let witness: PostgreSQLPool
  /// What the tested connections call themselves.
  let name: String

  init(
    cluster: PostgreSQLCluster? = nil,
    adjust: Adjustment = { _ in }
  ) async throws {
    let cluster = if let cluster { cluster } else { try await PostgreSQLCluster.shared() }
    database = try await cluster.makeDatabase()
    proxy = try FaultProxy(serverPort: database.cluster.port)
    name = "tested_\(UInt32.random(in: 0...UInt32.max))"
    var options = PostgreSQLPoolOptions(
      connection: database.connection(port: proxy.port), applicationName: name, size: 1,
      backoff: Backoff(initialMs: 1, maximumMs: 20))
    adjust(&options)
    pool = try PostgreSQLPool(options: options)
    witness = try PostgreSQLPool(
      options: PostgreSQLPoolOptions(connection: database.connection, size: 2))
    _ = try await witness.call("CREATE TABLE t (a BIGINT)")
  }

  func close() async {
    proxy.close()
    await pool.close()
    await witness.close()
  }

  /// Runs the body and closes all that the bench holds.
  static func with(
    cluster: PostgreSQLCluster? = nil,
    adjust: Adjustment = { _ in },
    _ body: (Bench) async throws -> Void
  ) async throws {
    let bench = try await Bench(cluster: cluster, adjust: adjust)
    do {
      try await body(bench)
    } catch {
      await bench.close()
      throw error
    }
    await bench.close()
  }

  /// Expects these numbers in the table, once no broken connection is left that could change them.
  func expectRows(
    _ expected: [Int64], sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    await pool.close()
    try await waitForBackends()
    let found = try await witness.call("SELECT coalesce(array_agg(a ORDER BY a), '{}') FROM t")
    #expect(found.int64s(0, 0) == expected, sourceLocation: sourceLocation)
  }

  /// Returns when the server has ended every connection of the tested pool. It waits in the
  /// server, which knows.
  func waitForBackends() async throws {
    _ = try await witness.call(
      """
      DO $$ BEGIN
        WHILE EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '\(name)') LOOP
          PERFORM pg_sleep(0.002);
          PERFORM pg_stat_clear_snapshot();
        END LOOP;
      END $$
      """)
  }

  /// Ends the tested pool's connections from the server's side.
  func terminateBackends() async throws {
    _ = try await witness.call(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
      [.text(name)])
  }
}

extension PostgreSQLError {
  /// The case's name, for tests that do not read the reason.
  var kind: String {
    switch self {
    case .unavailable: "unavailable"
    case .refused(let sqlState, _): sqlState
    case .outcomeUnknown: "unknown"
    case .closed: "closed"
    }
  }
}

/// How the body ended: `done`, or the error's kind.
func outcome(_ body: () async throws(PostgreSQLError) -> Void) async -> String {
  do {
    try await body()
    return "done"
  } catch {
    return error.kind
  }
}
