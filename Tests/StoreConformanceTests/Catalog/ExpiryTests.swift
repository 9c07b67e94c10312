import Catalog
import Consistency
import IngestBus
import Model
import Testing

@Suite struct ExpiryTests {
  @Test(arguments: StoreBackends.all)
  func theNewestSnapshotOfAllAndOfEachTenantStay(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let first = try await lab.makeTable(of: "acme")
      let second = try await lab.makeTable(of: "globex")
      var newest: [CommitReceipt] = []
      for (index, table) in [first, first, second, second].enumerated() {
        try await lab.publishRows(table, 1, prefix: "\(index)")
        newest.append(try await lab.commitAll([table.tenant]))
      }
      let merge = try await lab.merge(
        first, inputs: try await lab.catalog.liveFiles(of: first.id).map(\.file),
        owner: OwnerID("merger"))
      let all = try await lab.catalog.snapshotStubs(after: nil, limit: 100).map(\.id)
      // Snapshots that are not there, and one that stands twice, count for nothing.
      let gone = try await lab.catalog.expireSnapshots(all + [all[0], SnapshotID(999)])
      let left = try await lab.catalog.snapshotStubs(after: nil, limit: 100).map(\.id)
      #expect(left == [newest[1].snapshot, newest[3].snapshot, merge.snapshot])
      #expect(gone == all.count - left.count)
      #expect(try await lab.catalog.expireSnapshots(all) == 0)
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func anExpiredSnapshotIsAsUnknownAsOneThatNeverWas(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 1)
      let old = try await lab.commitAll([table.tenant])
      try await lab.publishRows(table, 1, prefix: "more")
      try await lab.commitAll([table.tenant])
      #expect(try await lab.catalog.expireSnapshots([old.snapshot]) == 1)
      await #expect(throws: CatalogError.snapshotNotFound) {
        try await lab.catalog.snapshot(old.snapshot, tenant: table.tenant)
      }
      await #expect(throws: CatalogError.snapshotNotFound) {
        try await lab.catalog.manifests(tenant: table.tenant, names: nil, at: old.snapshot)
      }
      #expect(
        try await lab.catalog.contents(of: [old.snapshot], tenant: table.tenant).isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func contentsReadBesideExpiryAreThoseOfTheSnapshotOrNone(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      var snapshots: [SnapshotID] = []
      for round in 1...12 {
        try await lab.publishRows(table, round, prefix: "\(round)")
        snapshots.append(try await lab.commitAll([table.tenant]).snapshot)
      }
      let ids = snapshots
      let known = try await lab.catalog.contents(of: ids, tenant: table.tenant)
      #expect(known.count == ids.count)
      let expiry = Countdown(1)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          for id in ids.dropLast() { _ = try await lab.catalog.expireSnapshots([id]) }
          expiry.finish()
        }
        for _ in 0..<2 {
          group.addTask {
            while expiry.isRunning {
              let found = try await lab.catalog.contents(of: ids, tenant: table.tenant)
              for (id, tables) in found { #expect(tables == known[id]) }
            }
          }
        }
        try await group.waitForAll()
      }
      let left = try await lab.catalog.contents(of: ids, tenant: table.tenant)
      #expect(Set(left.keys) == [ids[ids.count - 1]])
    }
  }

  @Test(arguments: StoreBackends.all)
  func filesOfADroppedTableAreScheduledOnceWhenNoSnapshotReachesThem(
    _ kind: StoreKind
  ) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 1)
      let first = try await lab.commitAll([table.tenant])
      try await lab.publishRows(table, 1, prefix: "more")
      let second = try await lab.commitAll([table.tenant])
      let paths = Set(try await lab.catalog.liveFiles(of: table.id).map(\.file.path))
      _ = try await lab.catalog.dropTable(named: "events", tenant: table.tenant)
      _ = try await lab.catalog.expireSnapshots([first.snapshot])
      #expect(try await lab.catalog.scheduledFiles(before: lab.clock.wall, limit: 9).isEmpty)
      lab.clock.advanceWall(milliseconds: 1_000)
      _ = try await lab.catalog.expireSnapshots([second.snapshot])
      let before = Timestamp(microseconds: lab.clock.wall.microseconds - 1)
      #expect(try await lab.catalog.scheduledFiles(before: before, limit: 9).isEmpty)
      let scheduled = try await lab.catalog.scheduledFiles(before: lab.clock.wall, limit: 9)
      #expect(Set(scheduled.map(\.path)) == paths)
      #expect(scheduled.count == 2)
      #expect(scheduled.allSatisfy { $0.scheduledAt == lab.clock.wall })
      _ = try await lab.catalog.expireSnapshots([SnapshotID(0)])
      #expect(try await lab.catalog.scheduledFiles(before: lab.clock.wall, limit: 9) == scheduled)
      #expect(try await lab.catalog.referencedPaths(among: paths + ["no/such"]) == paths)
      try await lab.catalog.forgetScheduled(scheduled.map(\.path))
      #expect(try await lab.catalog.scheduledFiles(before: lab.clock.wall, limit: 9).isEmpty)
      #expect(try await lab.catalog.referencedPaths(among: Array(paths)).isEmpty)
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  /// Random commits, drops and merges, then random expiry: every snapshot that stays shows each
  /// tenant what it showed before.
  @Test(arguments: StoreBackends.all, Array(UInt64(1)...8))
  func whatStaysShowsWhatItShowed(_ kind: StoreKind, _ seed: UInt64) async throws {
    try await withLab(kind) { lab in
      var random = SeededGenerator(seed: seed)
      var history = try await RandomHistory(lab)
      for _ in 0..<30 { try await history.step(&random) }
      for _ in 0..<3 {
        let stubs = try await lab.catalog.snapshotStubs(after: nil, limit: 1_000).map(\.id)
        let share = [20, 50, 90][random.below(3)]
        let leaving = stubs.filter { _ in random.chance(share) }.shuffled(using: &random)
        _ = try await lab.catalog.expireSnapshots(leaving)
        try await history.check()
        #expect(try await lab.catalog.violations().isEmpty)
        for _ in 0..<3 { try await history.step(&random) }
      }
    }
  }
}

/// A lake that grows at random, and what each tenant saw at each snapshot when it was new.
private struct RandomHistory {
  private struct View: Equatable {
    let contents: [TableContent]
    let tokens: [String: [Int64]]
  }

  private let lab: Lab
  private let tenants: [TenantRecord]
  private var views: [SnapshotID: [TenantID: View]] = [:]
  private var records: [SnapshotID: [TenantID: SnapshotRecord]] = [:]
  private var nextKey = 0

  init(_ lab: Lab) async throws {
    self.lab = lab
    tenants = [try await lab.makeTenant("acme"), try await lab.makeTenant("globex")]
  }

  mutating func step(_ random: inout SeededGenerator) async throws {
    lab.clock.advanceWall(milliseconds: random.below(2_000) - 200)
    let tenant = tenants[random.below(tenants.count)]
    let name = ["one", "two"][random.below(2)]
    guard let table = try await lab.catalog.table(named: name, tenant: tenant.id) else {
      _ = try await lab.makeTable(name, tenant)
      return try await remember()
    }
    switch random.below(100) {
    case ..<6: _ = try await lab.catalog.dropTable(named: name, tenant: tenant.id)
    case ..<20:
      let files = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      if files.count > 1 {
        _ = try await lab.merge(table, inputs: files, owner: OwnerID("merger"))
      }
    default:
      let outcomes = ["row", "row", "row", "bad", "noop", "superseded"]
      let events = (0...random.below(4)).map { _ in
        nextKey += 1
        return TestEvent("\(nextKey)", outcomes[random.below(outcomes.count)])
      }
      _ = try await lab.publish([Draft(table, events)])
      try await lab.commitAll([tenant.id])
    }
    try await remember()
  }

  private mutating func remember() async throws {
    guard let newest = try await lab.catalog.snapshotStubs(after: nil, limit: 1_000).last?.id
    else { return }
    views[newest] = try await view(newest)
    for tenant in tenants {
      let latest = try await lab.catalog.latestSnapshot(tenant: tenant.id)
      records[latest.id, default: [:]][tenant.id] = latest
    }
  }

  private func view(_ snapshot: SnapshotID) async throws -> [TenantID: View] {
    var views: [TenantID: View] = [:]
    for tenant in tenants {
      let contents = try await lab.catalog.contents(of: [snapshot], tenant: tenant.id)
      views[tenant.id] = View(
        contents: contents[snapshot, default: []].map { $0.withoutFiles },
        tokens: try await lab.visibleTokensByTable(tenant.id, at: snapshot))
    }
    return views
  }

  func check() async throws {
    for id in try await lab.catalog.snapshotStubs(after: nil, limit: 1_000).map(\.id) {
      if let known = views[id] { #expect(try await view(id) == known, "snapshot \(id.rawValue)") }
      for (tenant, known) in records[id] ?? [:] {
        let found = try await lab.catalog.snapshot(id, tenant: tenant)
        #expect(found.time == known.time)
        #expect(found.watermark == known.watermark)
      }
    }
    for account in try await lab.catalog.accounts() { #expect(account.isBalanced) }
  }
}

extension TableContent {
  /// A merge changes how many files there are, and nothing else.
  fileprivate var withoutFiles: TableContent {
    TableContent(name: name, watermark: watermark, files: 0, rows: rows, bytes: 0)
  }
}
