import Catalog
import Consistency
import IngestBus
import Model
import Testing

/// Keyed tables under everything that happens to a lake, against a model that knows nothing of
/// files: at every snapshot a table shows the last event of each key up to the watermark.
@Suite struct KeyedHistoryTests {
  @Test(arguments: StoreBackends.all, Array(UInt64(1)...8))
  func everySnapshotThatIsKeptShowsTheLastEventOfEachKey(
    _ kind: StoreKind, _ seed: UInt64
  ) async throws {
    try await withLab(kind) { lab in
      var random = SeededGenerator(seed: seed)
      var history = try await KeyedHistory(lab)
      for _ in 0..<40 { try await history.step(&random) }
      try await history.check()
      for _ in 0..<3 {
        let stubs = try await lab.catalog.snapshotStubs(after: nil, limit: 1_000).map(\.id)
        let share = [20, 50, 90][random.below(3)]
        let leaving = stubs.filter { _ in random.chance(share) }.shuffled(using: &random)
        _ = try await lab.catalog.expireSnapshots(leaving)
        try await history.check()
        for _ in 0..<5 { try await history.step(&random) }
      }
      try await history.check()
      try await history.checkThatExpiryLeavesOnlyWhatIsLive()
    }
  }

  @Test(arguments: StoreBackends.all)
  func aDroppedTableIsCountedUntilItsLastStateIsExpired(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeKeyedTable(of: "acme")
      let first = try await lab.commit(table, "put a", "put b")
      let second = try await lab.commit(table, "del a")
      let rewritten = try await lab.rewrite(table)
      _ = try await lab.catalog.dropTable(named: "items", tenant: table.tenant)
      func account() async throws -> TableAccount {
        try #require(try await lab.catalog.tableAccounts(tenant: table.tenant).first)
      }
      #expect(try await account().isExpired == false)
      #expect(try await account().files.map(\.recordCount) == [1])
      // The rewritten file goes while the ledger's rows are at snapshots that stay.
      _ = try await lab.catalog.expireSnapshots([rewritten.snapshot])
      #expect(try await account().isExpired)
      #expect(try await account().files.isEmpty)
      for snapshot in [first, second] {
        #expect(
          try await lab.visibleTokens(table.tenant, at: snapshot.snapshot).count
            == (snapshot == first ? 2 : 1))
      }
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func adoptionLeavesKeyedTablesAsTheyAreAndReusesNoNumber(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeKeyedTable(of: "acme")
      try await lab.commit(table, "put a", "put b", "put c")
      try await lab.commit(table, "del a")
      let before = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      let lost = try await lab.materialiseKeyed([], owner: OwnerID("nobody"))
      #expect(lost.contradiction != nil)
      let identities = try #require(lab.catalog as? any IdentityCatalog)
      let adoption = try #require(try await identities.adopt(from: 1, to: 2))
      #expect(try await lab.visibleTokens(table.tenant, at: adoption.opened) == [2, 3])
      #expect(try await lab.catalog.liveFiles(of: table.id).map(\.file) == before)
      let receipt = try await lab.commit(table, "put b")
      #expect(try await lab.visibleTokens(table.tenant, at: receipt.snapshot).first == 3)
      let ids = try await lab.catalog.liveFiles(of: table.id).map(\.file)
        .flatMap { [$0.id] + ($0.deletes.map { [$0.id] } ?? []) }
      let jump = LakeGeneration.jump(from: 1, to: 2)
      #expect(ids.filter { $0 >= jump }.count == 2)
      try await lab.rewrite(table)
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }
}

/// A lake of keyed tables that changes at random.
private struct KeyedHistory {
  private let lab: Lab
  private let tenants: [TenantRecord]
  private var models: [TenantID: KeyedModel] = [:]
  /// The tables that a snapshot has, when it was new.
  private var tables: [SnapshotID: [TenantID: [TableRecord]]] = [:]
  /// Every data file and delete file that was ever shown.
  private var paths: Set<String> = []

  init(_ lab: Lab) async throws {
    self.lab = lab
    tenants = [try await lab.makeTenant("acme"), try await lab.makeTenant("globex")]
  }

  mutating func step(_ random: inout SeededGenerator) async throws {
    lab.clock.advanceWall(milliseconds: random.below(2_000) - 200)
    let tenant = tenants[random.below(tenants.count)]
    let name = ["one", "two"][random.below(2)]
    guard let table = try await lab.catalog.table(named: name, tenant: tenant.id) else {
      _ = try await lab.makeKeyedTable(name, of: tenant.name)
      return try await remember()
    }
    switch random.below(100) {
    case ..<3: _ = try await lab.catalog.dropTable(named: name, tenant: tenant.id)
    case ..<20:
      let share = random.below(3)
      try await lab.rewriteSome(table) {
        $0.enumerated().filter { $0.offset % 3 != share }.map(\.element)
      }
    case ..<30:
      let clean = try await lab.catalog.liveFiles(of: table.id).map(\.file)
        .filter { $0.deletes == nil && $0.begin > SnapshotID(0) }
      if clean.count > 1 {
        _ = try await lab.merge(table, inputs: clean, owner: OwnerID("rewriter"))
      }
    default: try await write(to: table, &random)
    }
    try await remember()
  }

  private mutating func write(
    to table: TableRecord, _ random: inout SeededGenerator
  ) async throws {
    let payloads = (0...random.below(6)).map { _ in
      (random.chance(30) ? "del " : "put ") + "k\(random.below(12))"
    }
    try await lab.publish(table, payloads: payloads)
    models[table.tenant, default: KeyedModel()].add(payloads.map { (table.id, $0) })
    try await lab.commitKeyed(table.tenant)
  }

  private mutating func remember() async throws {
    guard let newest = try await lab.catalog.snapshotStubs(after: nil, limit: 1_000).last?.id
    else { return }
    for tenant in tenants {
      tables[newest, default: [:]][tenant.id] = try await lab.catalog.tables(
        tenant: tenant.id, after: nil, limit: 10)
    }
    paths.formUnion(try await shownPaths(at: newest))
  }

  private func shownPaths(at snapshot: SnapshotID) async throws -> Set<String> {
    var shown: Set<String> = []
    for tenant in tenants {
      let names = try await lab.catalog.manifests(tenant: tenant.id, names: nil, at: snapshot)
        .map(\.table.name)
      for manifest in try await lab.catalog.manifests(
        tenant: tenant.id, names: names, at: snapshot)
      {
        for file in manifest.files {
          shown.insert(file.path)
          if let deletes = file.deletes { shown.insert(deletes.path) }
        }
      }
    }
    return shown
  }

  func check() async throws {
    for id in try await lab.catalog.snapshotStubs(after: nil, limit: 1_000).map(\.id) {
      for tenant in tenants {
        guard let known = tables[id]?[tenant.id] else { continue }
        let watermark = try await watermark(of: tenant.id, at: id)
        let found = try await lab.visibleTokensByTable(tenant.id, at: id)
        let contents = try await lab.catalog.contents(of: [id], tenant: tenant.id)[id] ?? []
        #expect(Set(found.keys) == Set(known.map(\.name)))
        for table in known {
          let expected = models[tenant.id]?.tokens(of: table.id, at: watermark) ?? []
          #expect(found[table.name] == expected, "\(table.name) at \(id.rawValue)")
          #expect(
            contents.first { $0.name == table.name }?.rows == Int64(expected.count),
            "rows of \(table.name) at \(id.rawValue)")
        }
      }
    }
    for account in try await lab.catalog.accounts() { #expect(account.isBalanced) }
    #expect(try await lab.catalog.violations().isEmpty)
    try await checkTableAccounts()
  }

  /// A snapshot of a rewrite or merge is no tenant's own: its watermark is the one before.
  private func watermark(
    of tenant: TenantID, at snapshot: SnapshotID
  ) async throws -> VisibilityToken {
    let page = try await lab.catalog.snapshots(
      tenant: tenant, before: SnapshotID(snapshot.rawValue + 1), limit: 1)
    return page.first?.watermark ?? .none
  }

  /// What the integrity run would count.
  private func checkTableAccounts() async throws {
    for tenant in tenants {
      for account in try await lab.catalog.tableAccounts(tenant: tenant.id)
      where !account.isExpired {
        var rows: Int64 = 0
        for file in account.files {
          rows += file.recordCount - Int64(try lab.deletedPositions(of: file).count)
        }
        #expect(
          rows == account.ledgerInserted - account.ledgerRemoved,
          "table \(account.table.rawValue)")
      }
    }
  }

  /// Once only the newest snapshots are left, files that none of them shows are scheduled, data and
  /// delete files alike, and all that they show is not.
  func checkThatExpiryLeavesOnlyWhatIsLive() async throws {
    let all = try await lab.catalog.snapshotStubs(after: nil, limit: 1_000).map(\.id)
    _ = try await lab.catalog.expireSnapshots(all)
    let left = try await lab.catalog.snapshotStubs(after: nil, limit: 1_000).map(\.id)
    var shown: Set<String> = []
    for id in left { shown.formUnion(try await shownPaths(at: id)) }
    lab.clock.advanceWall(milliseconds: 10_000)
    let scheduled = Set(
      try await lab.catalog.scheduledFiles(before: lab.clock.wall, limit: 10_000).map(\.path))
    #expect(scheduled == paths.subtracting(shown))
    let paths = Array(self.paths)
    #expect(try await lab.catalog.referencedPaths(among: paths + ["no/such"]) == self.paths)
    try await lab.catalog.forgetScheduled(Array(scheduled))
    #expect(try await lab.catalog.referencedPaths(among: paths) == shown)
    try await check()
  }
}

extension Lab {
  /// Rewrites what is chosen, if anything.
  fileprivate func rewriteSome(
    _ table: TableRecord, of chosen: ([DataFileRecord]) -> [DataFileRecord]
  ) async throws {
    let epoch = try await leased(table, OwnerID("rewriter"))
    let plan = try await planRewrite(
      table, owner: OwnerID("rewriter"), epoch: epoch, of: chosen)
    if !plan.inputs.isEmpty { _ = try await catalog.commit(plan) }
  }
}
