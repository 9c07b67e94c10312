import Catalog
import Consistency
import IngestBus
import Model
import Runtime
import Testing

/// Keyed commits, rewrites and merges at the same time, each on what it read a moment ago.
@Suite struct KeyedRaceTests {
  @Test(arguments: StoreBackends.all, [UInt64(51), 52])
  func whateverRunsBesideACommitEverySnapshotShowsTheLastEventOfEachKey(
    _ kind: StoreKind, _ seed: UInt64
  ) async throws {
    try await withLab(kind) { lab in
      let tables = [
        try await lab.makeKeyedTable("one", of: "acme"),
        try await lab.makeKeyedTable("two", of: "acme"),
      ]
      let run = KeyedRace(lab: lab, tables: tables)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await run.publish(seed: seed, rounds: 40) }
        for number in 0..<2 { group.addTask { try await run.commit(as: "committer-\(number)") } }
        for number in 0..<2 {
          group.addTask { try await run.rewrite(as: "rewriter-\(number)", seed: seed) }
        }
        try await group.waitForAll()
      }
      try await run.check(lab)
      #expect(run.counts.rewrites > 0, "\(run.counts)")
    }
  }

  @Test(arguments: StoreBackends.embedded, [UInt64(61), 62])
  func aCrashAtAnyMomentLeavesWholeCommitsAndRewrites(
    _ kind: EmbeddedKind, _ seed: UInt64
  ) async throws {
    try await withLab(kind) { lab, backend in
      let tables = [try await lab.makeKeyedTable("one", of: "acme")]
      let run = KeyedRace(lab: lab, tables: tables)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await run.publish(seed: seed, rounds: 60) }
        group.addTask { try await run.commit(as: "committer") }
        group.addTask { try await run.rewrite(as: "rewriter", seed: seed) }
        group.addTask {
          while !run.isOver {
            try await run.check(
              Lab(
                backend: backend, clock: lab.clock, store: try await backend.openAfterCrash(),
                lake: lab.lake))
          }
        }
        try await group.waitForAll()
      }
      try await run.check(lab)
    }
  }
}

private final class KeyedRace: Sendable {
  struct Counts {
    var commits = 0
    var rewrites = 0
    var refused = 0
  }

  private struct State {
    var model = KeyedModel()
    var counts = Counts()
    var isPublished = false
    var isOver = false
  }

  private let lab: Lab
  private let tables: [TableRecord]
  private let state = Lock(State())

  init(lab: Lab, tables: [TableRecord]) {
    self.lab = lab
    self.tables = tables
  }

  var isOver: Bool { state.withLock { $0.isOver } }
  var counts: Counts { state.withLock { $0.counts } }

  func publish(seed: UInt64, rounds: Int) async throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<rounds {
      let table = tables[random.below(tables.count)]
      let payloads = (0...random.below(8)).map { _ in
        (random.chance(30) ? "del " : "put ") + "k\(random.below(15))"
      }
      // Before it is published, so that no snapshot is ahead of the model.
      state.withLock { $0.model.add(payloads.map { (table.id, $0) }) }
      try await lab.publish(table, payloads: payloads)
    }
    state.withLock { $0.isPublished = true }
  }

  func commit(as name: String) async throws {
    let owner = OwnerID(name)
    let tenant = tables[0].tenant
    while !isOver {
      let wasPublished = state.withLock { $0.isPublished }
      let claims = try await lab.claim(owner, [tenant])
      guard !claims.isEmpty else {
        let progress = try await lab.catalog.progress(tenant: tenant)
        if wasPublished, progress.head == progress.watermark {
          state.withLock { $0.isOver = true }
        }
        await Task.yield()
        continue
      }
      try await commit(claims, owner: owner)
      try await lab.bus.release(
        owner: owner, claims: claims.map { ($0.tenant, $0.epoch) }, reason: .shutdown)
    }
  }

  private func commit(_ claims: [TenantClaim], owner: OwnerID) async throws {
    while true {
      let commit = try await lab.materialiseKeyed(claims, owner: owner)
      if try await isApplied(commit) { return }
    }
  }

  private func isApplied(_ commit: EventCommit) async throws -> Bool {
    do {
      _ = try await lab.catalog.commit(commit)
    } catch {
      guard case .tablesChanged = error else { throw error }
      state.withLock { $0.counts.refused += 1 }
      return false
    }
    state.withLock { $0.counts.commits += 1 }
    return true
  }

  /// Rewrites or merges some files again and again; who loses tries anew.
  func rewrite(as name: String, seed: UInt64) async throws {
    let owner = OwnerID(name)
    var random = SeededGenerator(seed: seed &+ UInt64(name.utf8.last ?? 0))
    while !isOver {
      let table = tables[random.below(tables.count)]
      guard
        let epoch = try await lab.catalog.leaseTable(table.id, owner: owner, leaseMs: leaseMs)
      else {
        await Task.yield()
        continue
      }
      let share = random.below(2)
      let plan = try await lab.planRewrite(table, owner: owner, epoch: epoch) { files in
        files.enumerated().filter { $0.offset % 2 == share }.map(\.element)
      }
      if !plan.inputs.isEmpty { try await apply(plan) }
      try await lab.catalog.releaseTable(table.id, owner: owner, epoch: epoch)
      await Task.yield()
    }
  }

  private func apply(_ rewrite: RewriteCommit) async throws {
    do {
      _ = try await lab.catalog.commit(rewrite)
    } catch {
      guard case .filesChanged = error else { throw error }
      state.withLock { $0.counts.refused += 1 }
      return
    }
    state.withLock { $0.counts.rewrites += 1 }
  }

  func check(_ lab: Lab) async throws {
    #expect(try await lab.catalog.violations().isEmpty)
    let tenant = tables[0].tenant
    for snapshot in try await lab.catalog.snapshots(tenant: tenant, before: nil, limit: 1_000) {
      let model = state.withLock { $0.model }
      let found = try await lab.visibleTokensByTable(tenant, at: snapshot.id)
      for table in tables {
        guard let tokens = found[table.name] else { continue }
        #expect(
          tokens == model.tokens(of: table.id, at: snapshot.watermark),
          "\(table.name) at \(snapshot.id.rawValue)")
      }
    }
    for account in try await lab.catalog.accounts() { #expect(account.isBalanced) }
  }
}
