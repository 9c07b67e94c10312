import Dispatch
import PostgreSQL
import Runtime
import TestSupport
import Testing

@Suite("PostgreSQL that is away, slow or busy")
struct AvailabilityTests {
  private static let insert = "INSERT INTO t VALUES ($1)"

  /// A body that says that it runs, and waits to be let go; it has a thread of its own to block.
  private final class Standstill: Sendable {
    let entered = OneShot<Void>()
    private let gate = DispatchSemaphore(value: 0)

    func enter() {
      entered.decide(())
      gate.wait()
    }

    func letGo() { gate.signal() }
  }

  @Test("A restart between calls costs no call, and statements are prepared again")
  func restartBetween() async throws {
    let cluster = try await PostgreSQLCluster()
    try await Bench.with(cluster: cluster) { bench in
      for mode in [PostgreSQLCluster.StopMode.fast, .immediate] {
        for round in 0..<2 {
          _ = try await bench.pool.call(Self.insert, [.int64(Int64(round))])
        }
        try await cluster.restart(mode)
      }
      _ = try await bench.pool.call(Self.insert, [.int64(2)])
      try await bench.expectRows([0, 0, 1, 1, 2])
    }
    try await cluster.remove()
  }

  @Test("A server that crashes within a transaction, stays away, and comes back")
  func crashWithin() async throws {
    let cluster = try await PostgreSQLCluster()
    try await Bench.with(cluster: cluster) { bench in
      let standstill = Standstill()
      async let kind = outcome { () throws(PostgreSQLError) in
        try await bench.pool.transaction { (session) throws(PostgreSQLError) in
          _ = try session.query(Self.insert, [.int64(1)])
          standstill.enter()
        }
      }
      await standstill.entered.value()
      try await cluster.stop(.immediate)
      standstill.letGo()
      #expect(await kind == "unavailable")
      for _ in 0..<5 {
        let away = await outcome { () throws(PostgreSQLError) in
          _ = try await bench.pool.call(Self.insert, [.int64(2)])
        }
        #expect(away == "unavailable")
      }
      try await cluster.start()
      // The pool asks again after a pause of at most 20 ms.
      try await eventually {
        await outcome { () throws(PostgreSQLError) in try await bench.pool.verify() } == "done"
      }
      _ = try await bench.pool.call(Self.insert, [.int64(3)])
      try await bench.expectRows([3])
    }
    try await cluster.remove()
  }

  @Test("A statement over its time is refused by the server")
  func statementTimeout() async throws {
    let adjust: Adjustment = { $0.statementTimeoutMs = 100 }
    try await Bench.with(adjust: adjust) { bench in
      let kind = await outcome { () throws(PostgreSQLError) in
        _ = try await bench.pool.call("SELECT pg_sleep(60)")
      }
      #expect(kind == "57014")
      _ = try await bench.pool.call("SELECT 1")
    }
  }

  @Test("A lock that is not given in time is a refusal")
  func lockTimeout() async throws {
    let adjust: Adjustment = { $0.lockTimeoutMs = 100 }
    try await Bench.with(adjust: adjust) { bench in
      let standstill = Standstill()
      async let holding: Void = bench.witness.transaction { (session) throws(PostgreSQLError) in
        _ = try session.query("LOCK TABLE t")
        standstill.enter()
      }
      await standstill.entered.value()
      let kind = await outcome { () throws(PostgreSQLError) in
        _ = try await bench.pool.call(Self.insert, [.int64(1)])
      }
      #expect(kind == "55P03")
      standstill.letGo()
      try await holding
    }
  }

  @Test("A session that idles in its transaction is ended by the server")
  func idleInTransaction() async throws {
    let adjust: Adjustment = { $0.idleInTransactionTimeoutMs = 50 }
    try await Bench.with(adjust: adjust) { bench in
      let standstill = Standstill()
      async let kind = outcome { () throws(PostgreSQLError) in
        try await bench.pool.transaction { (session) throws(PostgreSQLError) in
          _ = try session.query(Self.insert, [.int64(1)])
          standstill.enter()
        }
      }
      await standstill.entered.value()
      try await bench.waitForBackends()
      standstill.letGo()
      // A COMMIT that is sent before the client learns of the end has an unknown outcome.
      let end = await kind
      #expect(["unavailable", "unknown"].contains(end))
      try await bench.expectRows([])
    }
  }

  @Test("Callers wait for a connection in bounded number and time")
  func exhaustion() async throws {
    let limits: Adjustment = {
      $0.maximumWaiters = 1
      $0.acquireTimeoutMs = 200
    }
    try await Bench.with(adjust: limits) { bench in
      let standstill = Standstill()
      async let holding: Void = bench.pool.transaction { (_) throws(PostgreSQLError) in
        standstill.enter()
      }
      await standstill.entered.value()
      let reasons = await withTaskGroup(of: PostgreSQLError?.self) { group in
        for _ in 0..<3 {
          group.addTask {
            do throws(PostgreSQLError) {
              _ = try await bench.pool.call("SELECT 1")
              return nil
            } catch {
              return error
            }
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(
        reasons == [
          .unavailable(reason: "too many calls wait for a connection"),
          .unavailable(reason: "too many calls wait for a connection"),
          .unavailable(reason: "no connection was free in time"),
        ])
      standstill.letGo()
      try await holding
      _ = try await bench.pool.call("SELECT 1")
    }
  }

  @Test("A cancelled caller stops waiting for a connection")
  func cancelledWaiter() async throws {
    try await Bench.with { bench in
      let standstill = Standstill()
      async let holding: Void = bench.pool.transaction { (_) throws(PostgreSQLError) in
        standstill.enter()
      }
      await standstill.entered.value()
      let waiting = Task {
        await outcome { () throws(PostgreSQLError) in _ = try await bench.pool.call("SELECT 1") }
      }
      waiting.cancel()
      #expect(await waiting.value == "unavailable")
      standstill.letGo()
      try await holding
    }
  }

  @Test("A server that accepts and never answers is given up, and then known to be away")
  func silentServer() async throws {
    let impatience: Adjustment = {
      $0.connectTimeoutMs = 150
      $0.size = 2
      $0.backoff = Backoff(initialMs: 60_000, maximumMs: 60_000)
    }
    try await Bench.with(adjust: impatience) { bench in
      bench.proxy.arm(.init(.hold, .toServer, isPersistent: true))
      for _ in 0..<50 {
        // Every wait but the first would be one for nothing; fifty of them would be 7.5 s.
        await #expect(throws: PostgreSQLError.unavailable(reason: "no connection in time")) {
          try await bench.pool.verify()
        }
      }
    }
  }

  @Test("A closed pool refuses, having let the running call end")
  func closing() async throws {
    try await Bench.with { bench in
      let standstill = Standstill()
      async let kind = outcome { () throws(PostgreSQLError) in
        try await bench.pool.transaction { (session) throws(PostgreSQLError) in
          _ = try session.query(Self.insert, [.int64(1)])
          standstill.enter()
        }
      }
      await standstill.entered.value()
      async let closed: Void = bench.pool.close()
      // A cancelled task waits for no connection, and is told so until the pool is closed.
      try await eventually {
        let late = Task {
          await outcome { () throws(PostgreSQLError) in _ = try await bench.pool.call("SELECT 1") }
        }
        late.cancel()
        return await late.value == "closed"
      }
      standstill.letGo()
      await closed
      #expect(await kind == "done")
      try await bench.expectRows([1])
    }
  }
}
