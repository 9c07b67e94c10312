import PostgreSQL
import TestSupport
import Testing

/// Cuts the connection at every message that matters, and asks the server afterwards.
@Suite("What is certain when a connection breaks")
struct CertaintyTests {
  /// One line of the table at `ExchangeError`.
  struct Cut: Sendable, CustomTestStringConvertible {
    let fault: FaultProxy.Fault
    let kind: String
    let isApplied: Bool
    var testDescription: String {
      "\(fault.action) \(fault.direction) at \(fault.message.map(String.init) ?? "any")"
        + "+\(fault.offset)"
    }

    init(_ fault: FaultProxy.Fault, _ kind: String, applied: Bool) {
      self.fault = fault
      self.kind = kind
      isApplied = applied
    }
  }

  private static let insert = "INSERT INTO t VALUES ($1)"

  static let callCuts = [
    Cut(.init(.cut, .toServer, at: "B"), "unknown", applied: false),
    Cut(.init(.cut, .toServer, at: "E"), "unknown", applied: false),
    Cut(.init(.cut, .toServer, at: "S"), "unknown", applied: false),
    Cut(.init(.cut, .toServer, at: "S", offset: 1), "unknown", applied: false),
    Cut(.init(.cut, .toServer, at: "S", offset: 4), "unknown", applied: false),
    Cut(.init(.reset, .toServer, at: "S"), "unknown", applied: false),
    Cut(.init(.cut, .toClient, at: "2"), "unknown", applied: true),
    Cut(.init(.cut, .toClient, at: "C"), "unknown", applied: true),
    Cut(.init(.reset, .toClient, at: "C"), "unknown", applied: true),
    Cut(.init(.cut, .toClient, at: "Z"), "unknown", applied: true),
    Cut(.init(.cut, .toClient, at: "Z", offset: 5), "unknown", applied: true),
    Cut(.init(.hold, .toClient, at: "Z"), "unknown", applied: true),
    Cut(.init(.hold, .toServer, at: "S"), "unknown", applied: false),
    Cut(.init(.delay(milliseconds: 30), .toClient, at: "Z"), "done", applied: true),
  ]

  @Test(
    "A statement of its own is unknown from its first byte to the server's readiness",
    arguments: callCuts)
  func callIsCut(_ cut: Cut) async throws {
    try await Bench.with(adjust: Self.isImpatient) { bench in
      _ = try await bench.pool.call(Self.insert, [.int64(1)])
      bench.proxy.arm(cut.fault)
      let kind = await outcome { () throws(PostgreSQLError) in
        _ = try await bench.pool.call(Self.insert, [.int64(2)])
      }
      #expect(kind == cut.kind)
      bench.proxy.cutAll()
      try await bench.expectRows((cut.isApplied ? [1, 2] : [1]))
    }
  }

  static let commitCuts = [
    Cut(.init(.cut, .toServer, at: "B"), "unknown", applied: false),
    Cut(.init(.cut, .toServer, at: "E"), "unknown", applied: false),
    Cut(.init(.cut, .toServer, at: "S"), "unknown", applied: true),
    Cut(.init(.cut, .toClient, at: "2"), "unknown", applied: true),
    Cut(.init(.cut, .toClient, at: "C"), "unknown", applied: true),
    Cut(.init(.cut, .toClient, at: "C", offset: 3), "unknown", applied: true),
    Cut(.init(.cut, .toClient, at: "Z"), "unknown", applied: true),
    Cut(.init(.hold, .toClient, at: "C"), "unknown", applied: true),
    Cut(.init(.delay(milliseconds: 30), .toClient, at: "Z"), "done", applied: true),
  ]

  @Test("A commit is unknown from its first byte to the server's readiness", arguments: commitCuts)
  func commitIsCut(_ cut: Cut) async throws {
    try await Bench.with(adjust: Self.isImpatient) { bench in
      // The first round prepares what the second one sends, so that both look alike.
      let rounds = [Int64(1), 2]
      for round in rounds {
        let kind = await outcome { () throws(PostgreSQLError) in
          try await bench.pool.transaction { (session) throws(PostgreSQLError) in
            _ = try session.query(Self.insert, [.int64(round)])
            if round == 2 { bench.proxy.arm(cut.fault) }
          }
        }
        #expect(kind == (round == 1 ? "done" : cut.kind))
      }
      bench.proxy.cutAll()
      try await bench.expectRows((cut.isApplied ? [1, 2] : [1]))
    }
  }

  @Test(
    "A break before COMMIT is certain, wherever it is",
    arguments: [
      FaultProxy.Fault(.cut, .toServer, at: "B"), .init(.cut, .toServer, at: "S"),
      .init(.cut, .toClient, at: "C"), .init(.cut, .toClient, at: "Z"),
      .init(.hold, .toClient, at: "Z"),
    ])
  func breakBeforeCommit(_ fault: FaultProxy.Fault) async throws {
    try await Bench.with(adjust: Self.isImpatient) { bench in
      let kind = await outcome { () throws(PostgreSQLError) in
        try await bench.pool.transaction { (session) throws(PostgreSQLError) in
          _ = try session.query(Self.insert, [.int64(1)])
          bench.proxy.arm(fault)
          _ = try session.query(Self.insert, [.int64(2)])
        }
      }
      #expect(kind == "unavailable")
      bench.proxy.cutAll()
      try await bench.expectRows([])
    }
  }

  @Test("A body that passes over a break cannot commit")
  func swallowedBreak() async throws {
    try await Bench.with { bench in
      let kind = await outcome { () throws(PostgreSQLError) in
        try await bench.pool.transaction { (session) throws(PostgreSQLError) in
          _ = try session.query(Self.insert, [.int64(1)])
          bench.proxy.arm(.init(.cut, .toServer))
          _ = try? session.query(Self.insert, [.int64(2)])
        }
      }
      #expect(kind == "unavailable")
      try await bench.expectRows([])
    }
  }

  @Test("Bytes that never left the client make the outcome certain")
  func heldBytes() async throws {
    try await Bench.with(adjust: Self.isImpatient) { bench in
      _ = try await bench.witness.call("CREATE TABLE large (b BYTEA)")
      try await bench.pool.verify()
      bench.proxy.arm(.init(.hold, .toServer))
      let kind = await outcome { () throws(PostgreSQLError) in
        _ = try await bench.pool.call(
          "INSERT INTO large VALUES ($1)", [.bytes([UInt8](repeating: 7, count: 48 << 20))])
      }
      #expect(kind == "unavailable")
      bench.proxy.release()
      try await bench.waitForBackends()
      let found = try await bench.witness.call("SELECT count(*) FROM large")
      #expect(found.int64(0, 0) == 0)
    }
  }

  @Test("Success of a statement is no success when its commit is refused")
  func deferredRefusal() async throws {
    try await Bench.with { bench in
      _ = try await bench.witness.call(
        "CREATE TABLE late (a BIGINT UNIQUE DEFERRABLE INITIALLY DEFERRED)")
      let insert = "INSERT INTO late VALUES ($1)"
      for (value, expected) in [(Int64(1), "done"), (1, "23505"), (2, "done")] {
        let kind = await outcome { () throws(PostgreSQLError) in
          _ = try await bench.pool.call(insert, [.int64(value)])
        }
        #expect(kind == expected)
      }
      for (value, expected) in [(Int64(2), "23505"), (3, "done")] {
        let kind = await outcome { () throws(PostgreSQLError) in
          try await bench.pool.transaction { (session) throws(PostgreSQLError) in
            _ = try session.query(insert, [.int64(value)])
          }
        }
        #expect(kind == expected)
      }
      let found = try await bench.witness.call("SELECT array_agg(a ORDER BY a) FROM late")
      #expect(found.int64s(0, 0) == [1, 2, 3])
    }
  }

  @Test("A transaction whose body passed over a refusal is refused, not committed")
  func swallowedRefusal() async throws {
    try await Bench.with { bench in
      let kind = await outcome { () throws(PostgreSQLError) in
        try await bench.pool.transaction { (session) throws(PostgreSQLError) in
          _ = try session.query(Self.insert, [.int64(1)])
          _ = try? session.query("SELECT 1 / $1::bigint", [.int64(0)])
        }
      }
      #expect(kind == "25P02")
      _ = try await bench.pool.call(Self.insert, [.int64(2)])
      try await bench.expectRows([2])
    }
  }

  @Test("A backend that is ended inside a transaction leaves nothing")
  func terminatedInside() async throws {
    try await Bench.with { bench in
      let kind = await outcome { () throws(PostgreSQLError) in
        try await bench.pool.transaction { (session) throws(PostgreSQLError) in
          _ = try session.query(Self.insert, [.int64(1)])
          // It ends its own backend: its answer is a FATAL error, and no readiness comes.
          _ = try session.query("SELECT pg_terminate_backend(pg_backend_pid())")
        }
      }
      #expect(kind == "unavailable")
      try await bench.expectRows([])
    }
  }

  @Test("A backend that is ended during COMMIT leaves the outcome unknown")
  func terminatedDuringCommit() async throws {
    try await Bench.with { bench in
      // A deferred trigger runs within COMMIT.
      _ = try await bench.witness.call(
        """
        CREATE FUNCTION end_backend() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          PERFORM pg_terminate_backend(pg_backend_pid());
          RETURN NULL;
        END $$
        """)
      _ = try await bench.witness.call(
        """
        CREATE CONSTRAINT TRIGGER ending AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION end_backend()
        """)
      let kind = await outcome { () throws(PostgreSQLError) in
        try await bench.pool.transaction { (session) throws(PostgreSQLError) in
          _ = try session.query(Self.insert, [.int64(1)])
        }
      }
      #expect(kind == "unknown")
      try await bench.expectRows([])
    }
  }

  /// A deadline short enough for a test that waits for it, and long enough for a busy machine.
  @Sendable private static func isImpatient(_ options: inout PostgreSQLPoolOptions) {
    options.statementTimeoutMs = 3_000
    options.answerSlackMs = 500
  }
}
