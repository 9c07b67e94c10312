import Catalog
import Consistency
import IngestBus
import Model
import Testing

@Suite struct RestoreTests {
  @Test(arguments: StoreBackends.all)
  func anOldContentIsANewSnapshotWithTheWatermarkOfNow(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let first = try await lab.publishAndCommit(table, 3)
      let second = try await lab.publishAndCommit(table, 2)
      let receipt = try await lab.restore([table], from: first)
      #expect(receipt.restoredRows == 0 && receipt.undoneRows == 2)
      let made = try await lab.catalog.latestSnapshot(tenant: table.tenant)
      #expect(made.id == receipt.commit.snapshot && made.restoredFrom == first)
      #expect(made.watermark == VisibilityToken(5) && made.parent == second)
      #expect(try await lab.visibleTokens(table.tenant, at: made.id) == [1, 2, 3])
      #expect(try await lab.visibleTokens(table.tenant, at: second) == [1, 2, 3, 4, 5])
      // And back again: the file that ended comes back under another name.
      let again = try await lab.restore([table], from: second)
      #expect(again.restoredRows == 2 && again.undoneRows == 0)
      let newest = again.commit.snapshot
      #expect(try await lab.visibleTokens(table.tenant, at: newest) == [1, 2, 3, 4, 5])
      let content = try await lab.catalog.contents(of: [newest], tenant: table.tenant)[newest]
      #expect(content?.map(\.rows) == [5] && content?.map(\.watermark.rawValue) == [5])
      let more = try await lab.publishAndCommit(table, 1)
      #expect(try await lab.visibleTokens(table.tenant, at: more) == [1, 2, 3, 4, 5, 6])
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aDroppedTableLivesAgainUnderItsIdAndIsNotShownInBetween(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let full = try await lab.publishAndCommit(table, 3)
      _ = try await lab.catalog.dropTable(named: "events", tenant: table.tenant)
      let dropped = try await lab.catalog.latestSnapshot(tenant: table.tenant).id
      #expect(try await lab.visibleTokens(table.tenant, at: full) == [1, 2, 3])
      let receipt = try await lab.restore([table], from: full)
      #expect(receipt.restoredRows == 3 && receipt.undoneRows == 3)
      let made = receipt.commit.snapshot
      let live = try #require(try await lab.catalog.table(named: "EVENTS", tenant: table.tenant))
      #expect(live.id == table.id && !live.isDropped)
      #expect(live.definition == table.definition && live.columnIDs == table.columnIDs)
      #expect(try await lab.visibleTokensByTable(table.tenant, at: made) == ["events": [1, 2, 3]])
      #expect(try await lab.visibleTokensByTable(table.tenant, at: dropped).isEmpty)
      #expect(try await lab.catalog.contents(of: [dropped], tenant: table.tenant)[dropped] == [])
      // The keys of before stay used, and new rows follow.
      let more = try await lab.publishAndCommit(table, 2)
      #expect(try await lab.visibleTokens(table.tenant, at: more) == [1, 2, 3, 4, 5])
      #expect(try await lab.catalog.violations().isEmpty)
      _ = try await lab.catalog.dropTable(named: "events", tenant: table.tenant)
      #expect(try await lab.catalog.violations().isEmpty)
      let accounts = try await lab.catalog.tableAccounts(tenant: table.tenant)
      #expect(accounts.map { $0.ledgerInserted - $0.ledgerRemoved } == [5])
    }
  }

  @Test(arguments: StoreBackends.all)
  func whatHasChangedSinceItWasReadIsRefusedAndNothingHappens(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeKeyedTable(of: "acme")
      try await lab.publish(table, payloads: ["put a", "put b"])
      let first = try await lab.commitAllKeyed([table.tenant]).snapshot
      let plan = try await lab.plan([table], from: first)
      try await lab.publish(table, payloads: ["put a"])
      let second = try await lab.commitAllKeyed([table.tenant]).snapshot
      await #expect(throws: CommitError.filesChanged) { try await lab.catalog.commit(plan) }
      let other = RestoreCommit(
        id: .random(), owner: OwnerID("other"), tenant: table.tenant, restoredFrom: first,
        tables: plan.tables)
      await #expect(throws: CommitError.fenced([])) { try await lab.catalog.commit(other) }
      let dropped = try await lab.plan([table], from: first, keepsFiles: false)
      _ = try await lab.catalog.dropTable(named: "items", tenant: table.tenant)
      await #expect(throws: CommitError.tablesChanged([table.id])) {
        try await lab.catalog.commit(dropped)
      }
      let taken = try await lab.plan([table], from: first)
      _ = try await lab.makeKeyedTable(of: "acme")
      await #expect(throws: CommitError.tablesChanged([table.id])) {
        try await lab.catalog.commit(taken)
      }
      #expect(try await lab.visibleTokens(table.tenant, at: second).count == 2)
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aRestoreWhoseAnswerWasLostIsFoundAndOneThatNeverCameIsFencedOff(
    _ kind: StoreKind
  ) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let first = try await lab.publishAndCommit(table, 1)
      let plan = try await lab.plan([table], from: first)
      let receipt = try await lab.catalog.commit(plan)
      #expect(try await lab.catalog.resolve(plan) == receipt.commit)
      let late = try await lab.plan([table], from: first)
      #expect(try await lab.catalog.resolve(late) == nil)
      await #expect(throws: CommitError.fenced([])) { try await lab.catalog.commit(late) }
    }
  }

  /// Restores without kept files beside commits: each is refused by nobody, and each snapshot shows
  /// what came before it undone and what comes after it added.
  @Test(arguments: StoreBackends.all)
  func restoresBesideCommitsUndoWhatCameBeforeThem(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let first = try await lab.publishAndCommit(table, 2)
      let other = try await lab.inAnotherProcess()
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          for _ in 0..<12 { _ = try await other.publishAndCommit(table, 1) }
        }
        group.addTask {
          for _ in 0..<6 { _ = try await lab.restore([table], from: first, keepsFiles: false) }
        }
        try await group.waitForAll()
      }
      var expected: [Int64] = []
      for snapshot in try await lab.catalog.snapshots(
        tenant: table.tenant, before: nil, limit: 1_000
      ).reversed() where snapshot.id >= first {
        expected =
          snapshot.restoredFrom == nil
          ? expected + (snapshot.id == first ? [1, 2] : [snapshot.watermark.rawValue]) : [1, 2]
        #expect(try await lab.visibleTokens(table.tenant, at: snapshot.id) == expected)
      }
      #expect(try await lab.catalog.violations().isEmpty)
      #expect(try await lab.catalog.accounts().allSatisfy(\.isBalanced))
    }
  }

  @Test(arguments: StoreBackends.all)
  func expiryKeepsWhatRestoresShow(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      var shown: [SnapshotID: [Int64]] = [:]
      var snapshots: [SnapshotID] = []
      for round in 0..<6 {
        snapshots.append(try await lab.publishAndCommit(table, 2))
        if round % 2 == 1 {
          snapshots.append(
            try await lab.restore([table], from: snapshots[round / 2]).commit.snapshot)
        }
      }
      for id in snapshots { shown[id] = try await lab.visibleTokens(table.tenant, at: id) }
      for (index, id) in snapshots.enumerated() where index % 3 != 0 {
        _ = try await lab.catalog.expireSnapshots([id])
        for kept in try await lab.catalog.snapshotStubs(after: nil, limit: 100).map(\.id) {
          guard let tokens = shown[kept] else { continue }
          #expect(try await lab.visibleTokens(table.tenant, at: kept) == tokens)
        }
        #expect(try await lab.catalog.violations().isEmpty)
      }
    }
  }
}

extension Lab {
  fileprivate func publishAndCommit(_ table: TableRecord, _ count: Int) async throws -> SnapshotID {
    try await publishRows(table, count, prefix: RandomHex.digits(16))
    return try await commitAll([table.tenant]).snapshot
  }

  fileprivate func commitAllKeyed(_ tenants: [TenantID]) async throws -> CommitReceipt {
    let owner = OwnerID("committer")
    return try await catalog.commit(
      try await materialiseKeyed(try await claim(owner, tenants), owner: owner))
  }

  fileprivate func restore(
    _ tables: [TableRecord], from snapshot: SnapshotID, keepsFiles: Bool = true
  ) async throws -> RestoreReceipt {
    let plan = try await plan(tables, from: snapshot, keepsFiles: keepsFiles)
    let receipt = try await catalog.commit(plan)
    for table in plan.tables {
      try await catalog.releaseTable(table.table, owner: plan.owner, epoch: table.epoch)
    }
    return receipt
  }

  /// What a restorer makes of whole files: those that are live stay, the others come back under
  /// another name.
  fileprivate func plan(
    _ tables: [TableRecord], from snapshot: SnapshotID, keepsFiles: Bool = true
  ) async throws -> RestoreCommit {
    let owner = OwnerID("restorer")
    var restored: [RestoredTable] = []
    for table in tables {
      let epoch = try #require(
        try await catalog.leaseTable(table.id, owner: owner, leaseMs: 600_000))
      let now = try #require(try await catalog.tables(ids: [table.id]).first)
      let files =
        try await catalog.manifests(
          tenant: table.tenant, names: [table.name], at: snapshot
        ).first?.files ?? []
      let live = Set(
        now.isDropped ? [] : try await catalog.liveFiles(of: table.id).map(\.file.live))
      let kept = files.filter { keepsFiles && live.contains($0.live) }
      restored.append(
        RestoredTable(
          table: table.id, epoch: epoch, schemaVersion: now.schemaVersion,
          isDropped: now.isDropped, kept: kept,
          added: try files.filter { !kept.contains($0) }.map { file in
            let name = "data-\(RandomHex.digits(16)).parquet"
            lake.write(rows: try rows(of: file), to: name)
            return .link(of: file, name: name)
          }))
    }
    return RestoreCommit(
      id: .random(), owner: owner, tenant: tables[0].tenant, restoredFrom: snapshot,
      tables: restored)
  }
}
