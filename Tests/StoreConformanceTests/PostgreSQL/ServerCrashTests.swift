import Catalog
import IngestBus
import Model
import PostgreSQLStore
import Runtime
import TestSupport
import Testing

/// The server ends as in a crash, again and again, under publishers and a coordinator that go on.
@Suite struct ServerCrashTests {
  @Test func whatWasAcknowledgedBeforeACrashIsThereAfterIt() async throws {
    try await SeparateStore.with(acquireTimeoutMs: 30_000) { store in
      let (bus, table) = (store.bus, store.table)
      let run = ServerCrashRun(bus: bus, table: table)

      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<3 { group.addTask { try await run.publish(number) } }
        for crash in 1...3 {
          // Each crash comes upon publishing that has got going again.
          try await run.waitUntilAcknowledged(crash * 60)
          try await store.cluster.restart(.immediate)
        }
        try await run.waitUntilAcknowledged(240)
        run.stop()
        try await group.waitForAll()
      }

      let acknowledged = run.acknowledged
      let keys = Array(acknowledged.keys)
      let receipts = try await bus.receipts(for: keys.map { keyHash($0, table) })
      #expect(receipts.map { $0?.token.rawValue } == keys.map { acknowledged[$0] })
      let events = try await bus.claimBatch(
        owner: OwnerID("reader"), tenants: [table.tenant], limit: everything, leaseMs: leaseMs
      ).flatMap { try $0.events() }
      #expect(events.map(\.token) == (1..<(Int64(events.count) + 1)).map { $0 })
      #expect(Set(events.map(\.key)).count == events.count)
      #expect(try await store.catalog.violations().isEmpty)
      #expect(run.failureCount > 0, "no publisher noticed a crash")
    }
  }
}

private final class ServerCrashRun: Sendable {
  private struct State {
    var isStopped = false
    var acknowledged: [String: Int64] = [:]
    var failures = 0
  }

  private let bus: PostgreSQLIngestBus
  private let table: TableRecord
  private let state = Lock(State())
  private let progress = Notifier()

  init(bus: PostgreSQLIngestBus, table: TableRecord) {
    self.bus = bus
    self.table = table
  }

  var acknowledged: [String: Int64] { state.withLock { $0.acknowledged } }
  var failureCount: Int { state.withLock { $0.failures } }

  func stop() { state.withLock { $0.isStopped = true } }

  func waitUntilAcknowledged(_ count: Int) async throws {
    while state.withLock({ $0.acknowledged.count }) < count {
      guard await progress.wait() else { throw CancellationError() }
    }
  }

  /// Sends each event until it is acknowledged, as a client does.
  func publish(_ number: Int) async throws {
    var round = 0
    while !state.withLock({ $0.isStopped }) {
      let event = TestEvent("\(number)-\(round)")
      let (group, _) = publishGroup([Draft(table, [event])])
      let outcome = try? await bus.publish(group)[0]
      guard let token = outcome?.tokens?.first else {
        state.withLock { $0.failures += 1 }
        // The server is away: let it come back before the next try.
        try await SystemMonotonicClock().sleep(
          until: SystemMonotonicClock().now.advanced(byMs: 20))
        continue
      }
      state.withLock { $0.acknowledged[event.key] = token }
      progress.notify()
      round += 1
    }
  }
}
