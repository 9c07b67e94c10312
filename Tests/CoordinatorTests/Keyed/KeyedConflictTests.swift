import Catalog
import Consistency
import Coordinator
import IngestBus
import Maintenance
import Model
import ObjectStore
import Runtime
import TestSupport
import Testing

/// Keyed tables whose files change between the lookup and the commit, on either side.
@Suite struct KeyedConflictTests {
  static let eager: Limits.Maintenance = {
    var limits = Limits.Maintenance()
    limits.mergeFanIn = 3
    return limits
  }()

  /// A world whose table has six files, and keys 0 to 17.
  private func grown(_ mesh: Mesh) async throws -> KeyedWorld {
    let world = try await KeyedWorld(mesh, shape: .number, rule: .upsert)
    for round in 0..<6 {
      try await commit(upserts(round * 3..<round * 3 + 3, "first"), world)
    }
    return world
  }

  private func upserts(_ keys: some Sequence<Int>, _ note: String) -> [KeyedModel.Event] {
    keys.map { KeyedModel.Event(operation: .upsert, key: $0, note: "\(note) \($0)") }
  }

  private func deletes(_ keys: some Sequence<Int>) -> [KeyedModel.Event] {
    keys.map { KeyedModel.Event(operation: .delete, key: $0, note: "") }
  }

  private func commit(_ events: [KeyedModel.Event], _ world: KeyedWorld) async throws {
    let token = try await world.publish(events)
    try await running(world.mesh.coordinator()) { _ in try await world.wait(token) }
  }

  private func expectAll(_ world: KeyedWorld) async throws {
    try await world.expectEverySnapshot()
    try await world.expectAccounts()
    try await world.expectTokens()
  }

  @Test(arguments: MeshStore.Kind.allCases)
  func aTableThatIsMergedUnderTheCommitIsLookedUpAgainAndNoOther(kind: MeshStore.Kind) async throws
  {
    try await withMesh(over: kind) { mesh in
      let world = try await grown(mesh)
      let other = try await mesh.makeTable("other")
      let maintenance = mesh.maintenance(Self.eager)
      let (first, puts) = (FailingTimes(1), Guarded<[String]>([]))
      mesh.catalog.aroundCommit { (commit, perform) async throws(CommitError) in
        if first.isFailing {
          let merges = (try? await maintenance.compactNow().merges) ?? 0
          #expect(merges > 0)
        }
        return try await perform(commit)
      }
      mesh.store.beforePut { (objects) async throws(ObjectStoreError) in
        puts.withLock { $0 += objects.map(\.key) }
      }
      try await world.publish(upserts([1, 8, 40], "second") + deletes([5]))
      let conflicts = mesh.metrics.coordinator.tableConflicts
      try await mesh.publish(other, [row(1)])
      let before = conflicts.value
      try await running(mesh.coordinator()) { _ in
        try await mesh.wait(other, VisibilityToken(world.model.head + 1))
      }
      #expect(conflicts.value == before + 1)
      let names = puts.withLock { $0 }
      #expect(names.count { $0.hasPrefix(other.folder) } == 1, "\(names)")
      #expect(names.count { $0.contains("/events-") && $0.hasPrefix(world.table.folder) } == 2)
      #expect(try await mesh.rows(of: other) == [row(1)])
      let found = try await mesh.rows(of: world.table)
      #expect(found == world.shape.rows(world.model.rows(at: world.model.head)))
      mesh.store.beforePut(nil)
      try await mesh.expectClean()
    }
  }

  @Test func aTableThatChangesAgainAndAgainWaitsAndLosesNothing() async throws {
    try await withMesh { mesh in
      let world = try await grown(mesh)
      let refusals = Guarded(0)
      let id = world.table.id
      mesh.catalog.aroundCommit { (commit, perform) async throws(CommitError) in
        let count = refusals.withLock { count in
          count += 1
          return count
        }
        if count <= 2 * FlightProtocol.maxVersions + 3 { throw .tablesChanged([id]) }
        return try await perform(commit)
      }
      try await world.publish(upserts([1, 2, 30], "second"))
      try await running(mesh.coordinator()) { coordinator in
        try await eventually { coordinator.trouble != nil }
        try await world.wait(VisibilityToken(world.model.head))
      }
      try await expectAll(world)
      try await mesh.expectClean()
    }
  }

  @Test(arguments: MeshStore.Kind.allCases)
  func rowsDeletedWhileTheirFileIsRewrittenAreDeletedInTheNewOne(
    kind: MeshStore.Kind
  ) async throws {
    try await withMesh(over: kind) { mesh in
      let world = try await grown(mesh)
      // Most of every file is deleted before, so that places in the new file are others.
      try await commit(deletes((0..<18).filter { $0 % 3 == 0 }), world)
      let left = Guarded(3)
      mesh.catalog.beforeRewrite { (_) async throws(CommitError) in
        let round = left.withLock { left in
          left -= 1
          return left
        }
        guard round >= 0 else { return }
        do {
          try await commit(upserts([1 + 3 * round, 11], "meanwhile \(round)"), world)
          try await commit(deletes([17 - 6 * round]), world)
        } catch {
          throw .unavailable(reason: "\(error)")
        }
      }
      let maintenance = mesh.maintenance(Self.eager)
      let summary = try await maintenance.compactNow()
      #expect(summary.rewrites >= 1 && summary.lost == 0, "\(summary)")
      #expect(left.withLock { $0 } < 0)
      try await expectAll(world)
      mesh.catalog.beforeRewrite(nil)
      _ = try await maintenance.compactNow()
      try await expectAll(world)
      try await mesh.expectClean()
    }
  }

  @Test func aRewriteThatLosesEveryTimeGivesUpAndLeavesNothing() async throws {
    try await withMesh { mesh in
      let world = try await KeyedWorld(mesh, shape: .number, rule: .upsert)
      try await commit(upserts(0..<100, "first"), world)
      try await commit(deletes(0..<30), world)
      let rounds = Guarded(0)
      mesh.catalog.beforeRewrite { (_) async throws(CommitError) in
        let round = rounds.withLock { rounds in
          rounds += 1
          return rounds
        }
        do {
          try await commit(upserts([40 + round], "again"), world)
        } catch {
          throw .unavailable(reason: "\(error)")
        }
      }
      let maintenance = mesh.maintenance(Self.eager)
      #expect(try await maintenance.compactNow().lost == 1)
      #expect(rounds.withLock { $0 } == 6)
      mesh.catalog.beforeRewrite(nil)
      try await expectAll(world)
      try await mesh.expectClean()
      let summary = try await maintenance.compactNow()
      #expect(summary.rewrites >= 1 && summary.lost == 0)
      try await expectAll(world)
    }
  }

  @Test(arguments: MeshStore.Kind.allCases)
  func aTableWithoutRowsKeepsNoFile(kind: MeshStore.Kind) async throws {
    try await withMesh(over: kind) { mesh in
      let world = try await grown(mesh)
      try await commit(deletes(0..<18), world)
      let summary = try await mesh.maintenance(Self.eager).compactNow()
      #expect(summary.deletedRowsDropped == 18 && summary.bytesRewritten == 0, "\(summary)")
      #expect(try await mesh.catalog.liveFiles(of: world.table.id).isEmpty)
      try await expectAll(world)
      try await commit(upserts(3..<5, "new"), world)
      try await expectAll(world)
      try await mesh.expectClean()
    }
  }

  /// How a commit's answer fails to come.
  enum Fault: CaseIterable { case putFails, refused, appliedUnanswered, neverSent }

  @Test(arguments: MeshStore.Kind.allCases, Fault.allCases)
  func deleteFilesAreKeptAndTakenAwayAsDataFilesAre(
    kind: MeshStore.Kind, fault: Fault
  ) async throws {
    try await withMesh(over: kind) { mesh in
      let world = try await grown(mesh)
      let times = FailingTimes(2)
      mesh.store.beforePut { (_) async throws(ObjectStoreError) in
        if fault == .putFails, times.isFailing { throw .unavailable(reason: "a test") }
      }
      mesh.catalog.aroundCommit { (commit, perform) async throws(CommitError) in
        guard fault != .putFails, times.isFailing else { return try await perform(commit) }
        switch fault {
        case .putFails: break
        case .refused: throw .unavailable(reason: "a test")
        case .appliedUnanswered: _ = try await perform(commit)
        case .neverSent: break
        }
        throw .outcomeUnknown(reason: "a test")
      }
      let token = try await world.publish(upserts([0, 4, 9, 20], "second") + deletes([1, 16, 21]))
      try await running(mesh.coordinator()) { _ in try await world.wait(token) }
      mesh.store.beforePut(nil)
      mesh.catalog.aroundCommit(nil)
      try await expectAll(world)
      #expect(try mesh.stagedFiles().isEmpty)
      // Of a commit in doubt the collector takes the files, delete files as well.
      let orphans = try await mesh.orphans()
      #expect(orphans.isEmpty == (fault != .neverSent), "\(orphans)")
      _ = try await mesh.maintenance(Self.eager).retainNow()
      try await mesh.expectClean()
    }
  }
}
