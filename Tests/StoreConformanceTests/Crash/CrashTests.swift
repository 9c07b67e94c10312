import Catalog
import IngestBus
import Model
import Runtime
import Testing

/// The store as a power cut leaves it, at moments chosen by the race of everything with everything.
@Suite struct CrashTests {
  @Test(arguments: StoreBackends.embedded, [UInt64(41), 42])
  func whatWasAcknowledgedBeforeACrashIsThereAfterIt(
    _ kind: EmbeddedKind, _ seed: UInt64
  ) async throws {
    try await withLab(kind) { lab, backend in
      let table = try await lab.makeTable(of: "acme")
      let run = CrashRun(lab: lab, backend: backend, table: table, seed: seed)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<3 { group.addTask { try await run.publish(number) } }
        group.addTask { try await run.commit() }
        group.addTask { try await run.checkpoint() }
        for _ in 0..<6 { try await run.crashAndCheck() }
        run.stop()
        try await group.waitForAll()
      }
      try await run.crashAndCheck()
      #expect(run.acknowledgedCount > 50)
    }
  }
}

private final class CrashRun: Sendable {
  private struct State {
    var isStopped = false
    var acknowledged: [String: Int64] = [:]
    var committed: [CommitReceipt] = []
  }

  private let lab: Lab
  private let backend: any EmbeddedBackend
  private let table: TableRecord
  private let seed: UInt64
  private let state = Lock(State())

  init(lab: Lab, backend: any EmbeddedBackend, table: TableRecord, seed: UInt64) {
    self.lab = lab
    self.backend = backend
    self.table = table
    self.seed = seed
  }

  var acknowledgedCount: Int { state.withLock { $0.acknowledged.count } }
  private var isStopped: Bool { state.withLock { $0.isStopped } }

  func stop() { state.withLock { $0.isStopped = true } }

  func publish(_ number: Int) async throws {
    var random = SeededGenerator(seed: seed &* 10 &+ UInt64(number))
    var round = 0
    while !isStopped {
      round += 1
      let events = (0...random.below(20)).map { TestEvent("\(number)-\(round)-\($0)") }
      let outcome = try await lab.publish([Draft(table, events)])[0]
      let tokens = try #require(outcome.tokens)
      state.withLock { state in
        for (event, token) in zip(events, tokens) { state.acknowledged[event.key] = token }
      }
    }
  }

  func commit() async throws {
    let owner = OwnerID("committer")
    while !isStopped {
      let claims = try await lab.claim(owner, [table.tenant])
      guard !claims.isEmpty else {
        await Task.yield()
        continue
      }
      let receipt = try await lab.catalog.commit(try lab.materialise(claims, owner: owner))
      state.withLock { $0.committed.append(receipt) }
      try await lab.bus.acknowledge(claims.map { ($0.tenant, $0.to) })
    }
  }

  func checkpoint() async throws {
    while !isStopped {
      try await backend.checkpoint()
      await Task.yield()
    }
  }

  func crashAndCheck() async throws {
    let before = state.withLock { $0 }
    let after = Lab(
      backend: backend, clock: lab.clock, store: try await backend.openAfterCrash(), lake: lab.lake)
    #expect(try await after.catalog.violations().isEmpty)
    let keys = Array(before.acknowledged.keys)
    let receipts = try await after.bus.receipts(for: keys.map { keyHash($0, table) })
    #expect(receipts.map { $0?.token.rawValue } == keys.map { before.acknowledged[$0] })
    for receipt in before.committed {
      #expect(
        try await after.catalog.snapshot(receipt.snapshot, tenant: table.tenant).time
          == receipt.time)
    }
    // What is visible and what is pending are together every token, once.
    let latest = try await after.catalog.latestSnapshot(tenant: table.tenant)
    let visible = try await after.visibleTokens(table.tenant, at: latest.id)
    let pending = try await after.claim(OwnerID("survivor"), [table.tenant])
      .flatMap { try $0.events() }.map(\.token)
    let head = try await after.catalog.progress(tenant: table.tenant).head.rawValue
    #expect(visible + pending == (1..<(head + 1)).map { $0 })
  }
}
