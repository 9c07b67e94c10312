import Runtime
import Testing
import WorkerPool
import WorkerProtocol

/// A consumer that takes nothing for ever, as a client that has stopped reading.
private final class StuckSink: AnswerSink {
  let isStuck = OneShot<Void>()
  private let release = OneShot<Void>()

  func head(_ head: AnswerHead) async throws {}

  func rows(_ bytes: [UInt8]) async throws {
    isStuck.decide(())
    await release.value(onCancel: ())
  }

  func end(_ end: AnswerEnd) async throws {}

  func open() { release.decide(()) }
}

@Suite struct StuckSinkTests {
  @Test func aConsumerThatTakesNothingHoldsItsWorkerNoLongerThanTheQueryMayTake() async throws {
    let one = PoolAdjustment.with {
      $0.maximumWorkers = 1
      $0.spareWorkers = 0
      $0.graceMs = 100
    }
    try await PoolFixture.withPool(one) { fixture in
      for _ in 0..<2 {
        let sink = StuckSink()
        // Many small pieces: more of them are on their way than anybody keeps.
        var query = WorkerQuery(sql: "SELECT i, repeat('x', 50) FROM range(3000000) r(i)")
        query.rowLimit = 10_000_000
        query.resultByteLimit = 1 << 40
        let statement = query
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask {
            await #expect(throws: WorkerError.self) {
              try await fixture.pool.run(
                statement, tenant: fixture.lake.binding(1),
                deadline: SystemMonotonicClock().now.advanced(byMs: 15_000),
                resolve: fixture.lake.resolver(for: 1, listing: []), output: sink)
            }
          }
          await sink.isStuck.value()
          // There is room for one worker only, so this waits for the stuck one to be gone.
          try await fixture.run("SELECT 42", timeoutMs: 60_000)
          sink.open()
          try await group.waitForAll()
        }
      }
    }
  }
}
