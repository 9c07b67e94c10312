import Foundation
import Glibc
import Runtime
import Testing
import WorkerPool
import WorkerProtocol

/// What happens to queries when workers, clients and the pool come to an end.
@Suite struct WorkerLifeTests {
  private static let endless =
    "SELECT max(md5(a.range || b.range::VARCHAR)) FROM range(1000000) a, range(1000000) b"
  private static let manyRows = "SELECT range, repeat('x', 100) FROM range(5000000)"

  private struct Refusal: Error {}

  private struct RefusingSink: AnswerSink {
    func head(_ head: AnswerHead) async throws {}
    func rows(_ bytes: [UInt8]) async throws { throw Refusal() }
    func end(_ end: AnswerEnd) async throws {}
  }

  private static func rows(limit: UInt64 = 10_000_000) -> WorkerQuery {
    WorkerQuery(
      sql: manyRows, format: .ndjson, rowLimit: limit, resultByteLimit: .max)
  }

  @Test func aKilledWorkerIsOneFailedQuery() async throws {
    try await PoolFixture.withPool(.with { $0.spareWorkers = 0 }) { fixture in
      let sink = Gatekeeper()
      async let outcome = fixture.outcome(
        of: Self.rows(), into: sink, deadline: .distantFuture)
      await sink.firstRows.value()
      for process in fixture.pool.processIDs { kill(process, SIGKILL) }
      sink.letGo.decide(())
      #expect(await outcome == .lost)
      try await fixture.expect("SELECT 1", answers: "[1]")
      try await fixture.expect("SELECT 1", answers: "[1]", tenant: 2)
    }
  }

  @Test func aSlowClientHoldsTheWorkerBack() async throws {
    try await PoolFixture.withPool { fixture in
      let sink = Gatekeeper()
      async let outcome = fixture.outcome(
        of: Self.rows(limit: 200_000), into: sink, deadline: .distantFuture)
      await sink.firstRows.value()
      // Other queries run meanwhile; nothing more than the first frame has been taken.
      for _ in 0..<20 { try await fixture.run("SELECT 1", tenant: 2) }
      #expect(sink.bytes.withLock { $0 } < 1 << 20)
      sink.letGo.decide(())
      #expect(await outcome == nil)
      #expect(sink.bytes.withLock { $0 } > 200_000 * 100)
    }
  }

  @Test func aCancelledTaskStopsItsQueryAndKeepsItsWorker() async throws {
    try await PoolFixture.withPool(.with { $0.graceMs = 30_000 }) { fixture in
      try await fixture.run("SELECT 1")
      let before = Set(fixture.pool.processIDs)
      try await withThrowingTaskGroup(of: Void.self) { group in
        let sink = Gatekeeper()
        sink.letGo.decide(())
        group.addTask {
          let outcome = await fixture.outcome(of: Self.rows(), into: sink)
          #expect(outcome == .cancelled)
        }
        await sink.firstRows.value()
        group.cancelAll()
        try await group.waitForAll()
      }
      try await fixture.expect("SELECT 1", answers: "[1]")
      #expect(before.isSubset(of: fixture.pool.processIDs))
    }
  }

  @Test func aSinkThatRefusesEndsItsQueryAndKeepsItsWorker() async throws {
    try await PoolFixture.withPool(.with { $0.graceMs = 30_000 }) { fixture in
      try await fixture.run("SELECT 1")
      let before = Set(fixture.pool.processIDs)
      let outcome = await fixture.outcome(of: Self.rows(), into: RefusingSink())
      #expect(outcome == .refusedBySink)
      try await fixture.expect("SELECT 1", answers: "[1]")
      #expect(before.isSubset(of: fixture.pool.processIDs))
    }
  }

  @Test func aResolverThatThrowsEndsItsQueryAndKeepsItsWorker() async throws {
    try await PoolFixture.withPool { fixture in
      try await fixture.run("SELECT 1")
      let before = Set(fixture.pool.processIDs)
      let outcome = await fixture.outcome(
        of: WorkerQuery(sql: "FROM events"), into: CollectedAnswer(),
        resolve: { _ in throw Refusal() })
      #expect(outcome == .unresolved)
      try await fixture.expect("SELECT 1", answers: "[1]")
      #expect(before.isSubset(of: fixture.pool.processIDs))
    }
  }

  @Test func aQueryEndsAtItsDeadlineWhateverItDoes() async throws {
    try await PoolFixture.withPool(.with { $0.graceMs = 300 }) { fixture in
      #expect(await fixture.failure(of: Self.endless, timeoutMs: 300) == .timedOut)
      try await fixture.expect("SELECT 1", answers: "[1]")
      // The client takes nothing, so not even the worker's last word gets through.
      let sink = Gatekeeper()
      async let outcome = fixture.outcome(
        of: Self.rows(), into: sink, deadline: SystemMonotonicClock().now.advanced(byMs: 10_000))
      await sink.firstRows.value()
      await fixture.waitUntil { $0.running == 0 }
      sink.letGo.decide(())
      #expect(await outcome == .timedOut)
      try await fixture.expect("SELECT 1", answers: "[1]")
    }
  }

  @Test func aWorkerThatRanOutOfMemoryIsReplaced() async throws {
    try await PoolFixture.withPool { fixture in
      try await fixture.run("SELECT 1")
      let started = fixture.pool.statistics.workersStarted
      #expect(
        await fixture.failure(of: "SELECT len(range(400000000))") == .query(.memoryExceeded))
      try await fixture.expect("SELECT 1", answers: "[1]")
      #expect(fixture.pool.statistics.workersStarted > started)
    }
  }

  @Test func aMissingFileIsASnapshotThatIsGone() async throws {
    try await PoolFixture.withPool { fixture in
      let file = try await fixture.lake.write("events", of: 1, as: "SELECT 1 AS id")
      try await fixture.run("FROM events")
      let gone = ResolvedRelations(relations: [
        RelationDefinition(
          name: "events", select: "SELECT * FROM read_parquet(['\(file).gone'])")
      ])
      let outcome = await fixture.outcome(
        of: WorkerQuery(sql: "FROM events"), into: CollectedAnswer(), resolve: { _ in gone })
      #expect(outcome == .query(.snapshotGone))
    }
  }

  @Test func theQueueIsBoundedPerTenant() async throws {
    try await PoolFixture.withPool(
      .with { options in
        options.maximumRunningPerTenant = 1
        options.maximumWaitingPerTenant = 1
        options.graceMs = 300
      }
    ) { fixture in
      try await fixture.run("SELECT 1")
      await withTaskGroup(of: PoolFixture.Failure?.self) { group in
        for _ in 0..<6 {
          group.addTask { await fixture.failure(of: Self.endless, timeoutMs: 1_500) }
        }
        var failures: [PoolFixture.Failure?] = []
        for await failure in group { failures.append(failure) }
        #expect(failures.count { $0 == .timedOut } == 2)
        #expect(failures.count { $0 == .queueFull } == 4)
      }
      try await fixture.expect("SELECT 1", answers: "[1]", tenant: 2)
    }
  }

  @Test func stoppingEndsWhatRuns() async throws {
    let lake = try Lake()
    var options = WorkerPoolOptions(
      executable: try PoolFixture.executable(), temporaryFolder: lake.root + "/workers")
    options.graceMs = 200
    options.birthLimitMs = 120_000
    let pool = WorkerPool(options: options)
    try await pool.start()
    let sink = Gatekeeper()
    sink.letGo.decide(())
    async let outcome = PoolFixture(lake: lake, pool: pool).outcome(of: Self.rows(), into: sink)
    await sink.firstRows.value()
    await pool.stop()
    #expect(await outcome == .stopping)
    #expect(pool.processIDs == [])
  }
}
