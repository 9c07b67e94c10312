import Catalog
import Consistency
import Model
import Testing

@Suite struct PinTests {
  private static let newest = 1_000

  /// A table with a snapshot a commit.
  private func history(
    _ lab: Lab, _ count: Int
  ) async throws -> (table: TableRecord, snapshots: [SnapshotID]) {
    let table = try await lab.makeTable(of: "acme")
    var snapshots: [SnapshotID] = []
    for round in 1...count {
      try await lab.publishRows(table, round, prefix: "\(round)")
      snapshots.append(try await lab.commitAll([table.tenant]).snapshot)
    }
    return (table, snapshots)
  }

  @Test(arguments: StoreBackends.all)
  func aPinnedSnapshotAndItsFilesStayUntilItIsUnpinned(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, snapshots) = try await history(lab, 4)
      let kept = snapshots[1]
      let tokens = try await lab.visibleTokens(table.tenant, at: kept)
      let pin = try await lab.catalog.pin(
        kept, name: "before the change", expiresAt: nil, tenant: table.tenant, limit: 9)
      #expect(pin?.name == "before the change")
      _ = try await lab.catalog.dropTable(named: "events", tenant: table.tenant)
      let all = try await lab.catalog.snapshotStubs(after: nil, limit: Self.newest).map(\.id)
      _ = try await lab.catalog.expireSnapshots(all)
      let record = try await lab.catalog.snapshot(kept, tenant: table.tenant)
      #expect(record.pin == pin)
      #expect(try await lab.visibleTokens(table.tenant, at: kept) == tokens)
      let scheduled = try await lab.catalog.scheduledFiles(before: lab.clock.wall, limit: 99)
      let shown = try await lab.catalog.manifests(
        tenant: table.tenant, names: ["events"], at: kept
      ).flatMap(\.files).map(\.path)
      #expect(shown.count == 2)
      #expect(Set(shown).isDisjoint(with: scheduled.map(\.path)))
      #expect(try await lab.catalog.violations().isEmpty)
      #expect(try await lab.catalog.unpin(kept, tenant: table.tenant))
      #expect(try await lab.catalog.unpin(kept, tenant: table.tenant) == false)
      #expect(try await lab.catalog.expireSnapshots([kept]) == 1)
      let later = try await lab.catalog.scheduledFiles(before: lab.clock.wall, limit: 99)
      #expect(Set(shown).isSubset(of: later.map(\.path)))
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aPinEndsByItselfAndIsSweptAway(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, snapshots) = try await history(lab, 3)
      let end = lab.clock.wall.adding(seconds: 60)
      _ = try await lab.catalog.pin(
        snapshots[0], name: nil, expiresAt: end, tenant: table.tenant, limit: 1)
      #expect(try await lab.catalog.expireSnapshots([snapshots[0]]) == 0)
      #expect(try await lab.catalog.sweepPins() == 0)
      lab.clock.advanceWall(milliseconds: 60_000)
      #expect(try await lab.catalog.snapshot(snapshots[0], tenant: table.tenant).pin == nil)
      #expect(try await lab.catalog.expireSnapshots([snapshots[0]]) == 1)
      #expect(try await lab.catalog.sweepPins() == 1)
      #expect(try await lab.catalog.sweepPins() == 0)
    }
  }

  @Test(arguments: StoreBackends.all)
  func pinsOfATenantAreBoundedAndAnotherPinOfTheSameSnapshotTakesItsPlace(
    _ kind: StoreKind
  ) async throws {
    try await withLab(kind) { lab in
      let (table, snapshots) = try await history(lab, 3)
      let catalog = lab.catalog
      for id in snapshots.prefix(2) {
        #expect(
          try await catalog.pin(id, name: "a", expiresAt: nil, tenant: table.tenant, limit: 2)
            != nil)
      }
      #expect(
        try await catalog.pin(
          snapshots[2], name: nil, expiresAt: nil, tenant: table.tenant, limit: 2) == nil)
      #expect(
        try await catalog.pin(
          snapshots[1], name: "b", expiresAt: nil, tenant: table.tenant, limit: 2)?.name == "b")
      #expect(try await catalog.snapshot(snapshots[1], tenant: table.tenant).pin?.name == "b")
      #expect(try await catalog.snapshot(snapshots[2], tenant: table.tenant).pin == nil)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aTenantPinsOnlyWhatItSees(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, snapshots) = try await history(lab, 2)
      let other = try await lab.makeTenant("globex")
      for id in [snapshots[0], SnapshotID(99_999)] {
        await #expect(throws: CatalogError.snapshotNotFound) {
          try await lab.catalog.pin(id, name: nil, expiresAt: nil, tenant: other.id, limit: 9)
        }
      }
      _ = try await lab.catalog.pin(
        snapshots[0], name: nil, expiresAt: nil, tenant: table.tenant, limit: 9)
      #expect(try await lab.catalog.unpin(snapshots[0], tenant: other.id) == false)
      #expect(try await lab.catalog.expireSnapshots([snapshots[0]]) == 0)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aHoldKeepsItsRangeAndTheFilesThatMergesReplaceMeanwhile(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, snapshots) = try await history(lab, 4)
      lab.clock.advanceWall(milliseconds: 3_600_000)
      let held = try await lab.catalog.hold(
        snapshots[0]...snapshots[2], tenant: table.tenant, leaseMs: 30_000, limit: 1)
      let hold = try #require(held)
      #expect(
        try await lab.catalog.hold(
          snapshots[0]...snapshots[2], tenant: table.tenant, leaseMs: 30_000, limit: 1) == nil)
      #expect(try await lab.catalog.expireSnapshots(snapshots) == 0)
      _ = try await lab.merge(
        table, inputs: try await lab.catalog.liveFiles(of: table.id).map(\.file),
        owner: OwnerID("merger"))
      lab.clock.advanceWall(milliseconds: 1_000)
      #expect(try await lab.catalog.scheduledFiles(before: lab.clock.wall, limit: 99).isEmpty)
      try await lab.catalog.release(hold)
      #expect(try await lab.catalog.scheduledFiles(before: lab.clock.wall, limit: 99).count == 4)
      #expect(try await lab.catalog.expireSnapshots(snapshots) == 3)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aHoldThatIsNotGivenBackEndsWithItsLease(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, snapshots) = try await history(lab, 3)
      _ = try await lab.catalog.hold(
        snapshots[0]...snapshots[1], tenant: table.tenant, leaseMs: 1_000, limit: 9)
      #expect(try await lab.catalog.expireSnapshots(snapshots) == 0)
      lab.clock.advanceWall(milliseconds: 1_000)
      #expect(try await lab.catalog.expireSnapshots(snapshots) == 2)
    }
  }

  /// Whichever of the two commits first: what was answered as pinned is there, and what is gone was
  /// never answered as pinned.
  @Test(arguments: StoreBackends.all)
  func aPinBesideExpiryEitherHoldsOrFindsNothing(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, snapshots) = try await history(lab, 24)
      let other = try await lab.inAnotherProcess()
      var pinned: Set<SnapshotID> = []
      try await withThrowingTaskGroup(of: SnapshotID?.self) { group in
        group.addTask {
          for id in snapshots.dropLast() { _ = try await other.catalog.expireSnapshots([id]) }
          return nil
        }
        group.addTask {
          for id in snapshots.dropLast().reversed() {
            _ = try await other.catalog.expireSnapshots([id])
          }
          return nil
        }
        for id in snapshots.dropLast() {
          group.addTask {
            do {
              let pin = try await lab.catalog.pin(
                id, name: nil, expiresAt: nil, tenant: table.tenant, limit: 99)
              return pin?.snapshot
            } catch CatalogError.snapshotNotFound {
              return nil
            }
          }
        }
        for try await id in group { if let id { pinned.insert(id) } }
      }
      let left = try await lab.catalog.snapshots(
        tenant: table.tenant, before: nil, limit: Self.newest)
      #expect(Set(left.filter { $0.pin != nil }.map(\.id)) == pinned)
      for id in pinned {
        let count = try #require(snapshots.firstIndex(of: id)) + 1
        #expect(
          try await lab.visibleTokens(table.tenant, at: id).count == count * (count + 1) / 2)
      }
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }
}
