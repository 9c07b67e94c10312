import PostgreSQL
import Runtime
import TestSupport
import Testing

@Suite("PostgreSQL sessions and prepared statements")
struct SessionTests {
  private static let insert = "INSERT INTO t VALUES ($1)"

  @Test("A pipeline's statements answer in order, and the first refusal ends it")
  func pipeline() async throws {
    try await Bench.with { bench in
      let sums = try await bench.pool.transaction { (session) throws(PostgreSQLError) in
        let rows = try session.pipeline([
          (Self.insert, [.int64(1)]), (Self.insert, [.int64(2)]),
          ("SELECT sum(a)::bigint FROM t", []), (Self.insert, [.int64(3)]),
          ("SELECT sum(a)::bigint FROM t", []),
        ])
        return [Int64(rows[0].affected), rows[2].int64(0, 0), rows[4].int64(0, 0)]
      }
      #expect(sums == [1, 3, 6])
      let kind = await outcome { () throws(PostgreSQLError) in
        try await bench.pool.transaction { (session) throws(PostgreSQLError) in
          _ = try session.pipeline([
            (Self.insert, [.int64(4)]), ("SELECT 1 / $1::bigint", [.int64(0)]),
            (Self.insert, [.int64(5)]),
          ])
        }
      }
      #expect(kind == "22012")
      try await bench.expectRows([1, 2, 3])
    }
  }

  @Test("A body that throws is rolled back, and its locks are gone when the caller learns it")
  func rollback() async throws {
    struct Changed: Error {
      init() {}
      init(_: PostgreSQLError) {}
    }
    try await Bench.with { bench in
      for _ in 0..<20 {
        await #expect(throws: Changed.self) {
          try await bench.pool.transaction(failure: Changed.init) { (session) throws(Changed) in
            _ = try? session.query("LOCK TABLE t")
            throw Changed()
          }
        }
        // A lock that is still held would be a refusal here.
        try await bench.witness.transaction { (session) throws(PostgreSQLError) in
          _ = try session.query("LOCK TABLE t NOWAIT")
        }
      }
      try await bench.expectRows([])
    }
  }

  @Test("A snapshot sees one state over its statements, and cannot write")
  func snapshot() async throws {
    try await Bench.with { bench in
      let entered = OneShot<Void>()
      let gate = Gate()
      async let counts = bench.pool.snapshot { (session) throws(PostgreSQLError) in
        let before = try session.query("SELECT count(*) FROM t").int64(0, 0)
        entered.decide(())
        gate.wait()
        return [before, try session.query("SELECT count(*) FROM t").int64(0, 0)]
      }
      await entered.value()
      _ = try await bench.witness.call(Self.insert, [.int64(1)])
      gate.open()
      #expect(try await counts == [0, 0])
      let kind = await outcome { () throws(PostgreSQLError) in
        try await bench.pool.snapshot { (session) throws(PostgreSQLError) in
          _ = try session.query(Self.insert, [.int64(2)])
        }
      }
      #expect(kind == "25006")
      let after = try await bench.pool.snapshot { (session) throws(PostgreSQLError) in
        try session.query("SELECT count(*) FROM t").int64(0, 0)
      }
      #expect(after == 1)
    }
  }

  @Test("A script runs whole or not at all within its transaction")
  func script() async throws {
    try await Bench.with { bench in
      let good = "CREATE TABLE u (a INT); INSERT INTO t VALUES (1), (2); SELECT 1"
      try await bench.pool.transaction { (session) throws(PostgreSQLError) in
        try session.script(good)
        _ = try session.query(Self.insert, [.int64(3)])
      }
      let kind = await outcome { () throws(PostgreSQLError) in
        try await bench.pool.transaction { (session) throws(PostgreSQLError) in
          try session.script("INSERT INTO t VALUES (9); SELECT nothing; DROP TABLE t")
        }
      }
      #expect(kind == "42703")
      try await bench.expectRows([1, 2, 3])
    }
  }

  @Test("A plan whose columns changed is made anew")
  func outdatedPlan() async throws {
    try await Bench.with { bench in
      for columns in 1...3 {
        #expect(try await bench.pool.call("SELECT * FROM t").columnCount == columns)
        _ = try await bench.witness.call("ALTER TABLE t ADD COLUMN c\(columns) TEXT")
      }
    }
  }

  @Test("A plan that the server has lost is made anew")
  func lostPlan() async throws {
    try await Bench.with { bench in
      for _ in 0..<2 {
        #expect(try await bench.pool.call("SELECT 7::bigint").int64(0, 0) == 7)
        _ = try await bench.pool.call("DEALLOCATE ALL")
      }
    }
  }

  @Test("A connection keeps no more prepared statements than it may")
  func preparedLimit() async throws {
    let adjust: Adjustment = { $0.maximumPreparedStatements = 4 }
    try await Bench.with(adjust: adjust) { bench in
      for round in 0..<3 {
        for number in 0..<10 {
          let rows = try await bench.pool.call("SELECT \(number) + $1::bigint", [.int64(1)])
          #expect(rows.int64(0, 0) == Int64(number + 1), "round \(round)")
        }
      }
      // One more may wait for its removal at the next call.
      let held = try await bench.pool.call("SELECT count(*) FROM pg_prepared_statements")
      #expect(held.int64(0, 0) <= 5)
    }
  }

  @Test("The least recently used statement makes room, and a NULL reuses what is prepared")
  func preparedRules() {
    var prepared = PreparedStatements(maximumCount: 2)
    let first = prepared.use("a", types: [20])
    #expect(first.isNew)
    prepared.confirm("a", name: first.name)
    let null = prepared.use("a", types: [0])
    #expect(null.name == first.name && !null.isNew)
    #expect(prepared.use("a", types: [25]).isNew)
    #expect(!prepared.use("a", types: [20]).isNew)
    #expect(prepared.use("b", types: []).isNew)
    #expect(prepared.discarded.count == 1)
    #expect(!prepared.use("a", types: [20]).isNew)
    prepared.discard("a")
    #expect(prepared.takeDiscarded().contains(first.name))
    #expect(prepared.use("a", types: [20]).isNew)
  }

  @Test("While a server is away one caller at a time tries it, after growing pauses")
  func reachability() {
    var reachability = Reachability()
    let backoff = Backoff(initialMs: 100, maximumMs: 400, jitter: 0)
    let reason = PostgreSQLError.unavailable(reason: "gone")
    var now = MonotonicInstant(nanoseconds: 0)
    #expect(reachability.mayConnect(at: now) == .connect)
    #expect(reachability.mayConnect(at: now) == .connect)
    for pauseMs in [100, 200, 400, 400] {
      reachability.failed(reason, at: now, backoff: backoff)
      #expect(reachability.mayConnect(at: now.advanced(byMs: pauseMs - 1)) == .refuse(reason))
      now = now.advanced(byMs: pauseMs)
      #expect(reachability.mayConnect(at: now) == .connect)
      #expect(reachability.mayConnect(at: now) == .refuse(reason))
    }
    reachability.connected()
    #expect(reachability.mayConnect(at: now) == .connect)
  }
}
