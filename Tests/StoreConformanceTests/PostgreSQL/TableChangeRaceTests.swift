import Catalog
import IngestBus
import Model
import PostgreSQL
import PostgreSQLStore
import TestSupport
import Testing

/// No event slips between the change of a table and the publisher's look at it.
@Suite struct TableChangeRaceTests {
  /// Of five milliseconds and more each: half a minute.
  private static let mostLooks = 6_000

  /// The change is held open until the publisher waits for it: a publisher that looked at the table
  /// before it had the tenant's head would accept.
  @Test(arguments: [
    ("UPDATE duckmesh_table SET dropped_snapshot = 9", PublishOutcome.tableGone),
    ("UPDATE duckmesh_table SET schema_version = 2", .schemaChanged),
  ])
  func aPublisherWaitsForTheChangeAndSeesIt(change: String, expected: PublishOutcome) async throws {
    try await withPostgreSQL { lab, backend in
      let table = try await lab.makeTable(of: "acme")
      let pool = try PostgreSQLPool(
        options: PostgreSQLPoolOptions(connection: backend.database.connection, size: 2))
      async let outcome = outcomeOnceChanging(lab, table, pool)
      let looks = try await pool.transaction { (session) throws(PostgreSQLError) in
        _ = try session.query(
          "SELECT FROM duckmesh_head WHERE tenant_id = $1 FOR UPDATE",
          [.int64(table.tenant.rawValue)])
        _ = try session.query(change)
        // Tells the publisher to begin, and waits until it stands before the lock.
        _ = try session.query("SELECT pg_advisory_lock(1)")
        var looks = 0
        while looks < Self.mostLooks,
          try session.query(
            "SELECT FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::XID"
          ).count == 0
        {
          looks += 1
          _ = try session.query("SELECT pg_sleep(0.005)")
        }
        return looks
      }
      #expect(looks < Self.mostLooks, "nobody waited for the change")
      #expect(try await outcome == expected)
      #expect(try await lab.bus.backlog().isEmpty)
      await pool.close()
    }
  }

  private func outcomeOnceChanging(
    _ lab: Lab, _ table: TableRecord, _ pool: PostgreSQLPool
  ) async throws -> PublishOutcome {
    var looks = 0
    while looks < Self.mostLooks,
      try await pool.call(
        "SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND database ="
          + " (SELECT oid FROM pg_database WHERE datname = current_database())"
      ).count == 0
    {
      looks += 1
      _ = try await pool.call("SELECT pg_sleep(0.005)")
    }
    // Where cores are scarce its wait may end by the lock timeout before the change has seen it.
    while true {
      do {
        return try await lab.publish(table, TestEvent("a"))
      } catch BusError.unavailable {
        continue
      }
    }
  }

  /// The catalog's own drops against publishers of the same tenant, over and over.
  @Test func whatIsAcceptedOfADroppedTableWasAcceptedBeforeItsDrop() async throws {
    try await withPostgreSQL { lab, _ in
      let tenant = try await lab.makeTenant("acme")
      var accepted: [String] = []
      for round in 0..<12 {
        let table = try await lab.makeTable("events", tenant)
        async let published = publishUntilGone(lab, table, round)
        _ = try await lab.publish(table, TestEvent("first-\(round)"))
        _ = try await lab.catalog.dropTable(named: "events", tenant: tenant.id)
        #expect(try await lab.publish(table, TestEvent("late")) == .tableGone)
        accepted += try await published + ["first-\(round)"]
      }
      let pending = try await lab.claim(OwnerID("reader"), [tenant.id])
        .flatMap { try $0.events() }
      #expect(pending.map(\.key).sorted() == accepted.sorted())
      #expect(pending.map(\.token) == (1..<(Int64(accepted.count) + 1)).map { $0 })
    }
  }

  private func publishUntilGone(
    _ lab: Lab, _ table: TableRecord, _ round: Int
  ) async throws -> [String] {
    var accepted: [String] = []
    while true {
      let key = "\(round)-\(accepted.count)"
      let outcome = try await lab.publish(table, TestEvent(key))
      guard outcome.tokens != nil else {
        #expect(outcome == .tableGone)
        return accepted
      }
      accepted.append(key)
    }
  }
}

/// Runs a test with a fresh database.
func withPostgreSQL(_ body: (Lab, PostgreSQLBackend) async throws -> Void) async throws {
  let clock = TestClock()
  let backend = try await PostgreSQLBackend(clock: clock)
  let result: Result<Void, any Error>
  do {
    let lab = Lab(
      backend: backend, clock: clock, store: try await backend.open(), lake: TokenLake())
    result = .success(try await body(lab, backend))
  } catch {
    result = .failure(error)
  }
  await backend.remove()
  try result.get()
}
