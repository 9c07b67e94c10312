import Catalog
import Consistency
import IngestBus
import Model
import Testing

@Suite struct KeyedCommitTests {
  private let owner = OwnerID("committer")

  @Test(arguments: StoreBackends.all)
  func everySnapshotShowsTheRowsItHadWhateverIsDeletedLater(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeKeyedTable(of: "acme")
      var seen: [(SnapshotID, [Int64])] = []
      for (payloads, tokens) in [
        (["put a", "put b", "put c"], [1, 2, 3]), (["put b"], [1, 3, 4]),
        (["del a", "put b", "put d", "del d", "put d"], [3, 6, 9]),
        (["del x"], [3, 6, 9]), (["del b", "del c", "del d"], []), (["put a"], [14]),
      ] as [([String], [Int64])] {
        try await lab.publish(table, payloads: payloads)
        let receipt = try await lab.commitKeyed(table.tenant)
        seen.append((receipt.snapshot, tokens))
        for (snapshot, tokens) in seen {
          #expect(try await lab.visibleTokens(table.tenant, at: snapshot) == tokens)
        }
        let content = try await lab.catalog.contents(
          of: seen.map(\.0), tenant: table.tenant)
        #expect(seen.map { content[$0.0]?.first?.rows } == seen.map { Int64($0.1.count) })
      }
      let account = try #require(try await lab.catalog.accounts().first)
      #expect(account.isBalanced)
      #expect(
        account.counts
          == LedgerCounts(inserted: 7, deleted: 4, superseded: 2, noOperation: 1))
      let accounts = try await lab.catalog.tableAccounts(tenant: table.tenant)
      #expect(accounts.map(\.ledgerInserted) == [7])
      #expect(accounts.map(\.ledgerRemoved) == [6])
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aManifestNamesTheDeleteFileOfItsSnapshot(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeKeyedTable(of: "acme")
      var receipts = [try await lab.commit(table, "put a", "put b", "put c", "put d")]
      for key in ["a", "b", "c"] { receipts.append(try await lab.commit(table, "del \(key)")) }
      var ids: Set<Int64> = []
      for (index, receipt) in receipts.enumerated() {
        let manifest = try #require(
          try await lab.catalog.manifests(
            tenant: table.tenant, names: ["items"], at: receipt.snapshot
          ).first)
        #expect(manifest.files.count == 1)
        let deletes = manifest.files[0].deletes
        #expect(deletes?.deleteCount ?? 0 == Int64(index))
        #expect(deletes?.partialMaximum == nil)
        if let deletes {
          #expect(deletes.path.hasPrefix(table.folder))
          #expect(ids.insert(deletes.id).inserted)
        }
      }
      let live = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      #expect(live.map { $0.deletes?.deleteCount } == [3])
      #expect(live[0].live == LiveFile(dataFile: live[0].id, deleteFile: live[0].deletes?.id))
    }
  }

  @Test(arguments: StoreBackends.all, LiveSetChange.allCases)
  func aCommitIsRefusedWhenTheLiveFilesAreNotThoseItSearched(
    _ kind: StoreKind, _ change: LiveSetChange
  ) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeKeyedTable(of: "acme")
      try await lab.commit(table, "put a", "put b")
      try await lab.commit(table, "put c")
      try await lab.commit(table, "put a")
      try await lab.publish(table, payloads: ["put b", "put e"])
      let claims = try await lab.claim(owner, [table.tenant])
      let before = try await lab.materialiseKeyed(claims, owner: owner)
      let commit = try await change.apply(to: before, table: table, lab: lab)
      let newest = try await lab.catalog.snapshotStubs(after: nil, limit: 99).last
      let live = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      await #expect(throws: CommitError.tablesChanged([table.id])) {
        try await lab.catalog.commit(commit)
      }
      #expect(try await lab.catalog.snapshotStubs(after: nil, limit: 99).last == newest)
      #expect(try await lab.catalog.liveFiles(of: table.id).map(\.file) == live)

      // Searched again, the same claim goes through.
      let receipt = try await lab.catalog.commit(
        try await lab.materialiseKeyed(claims, owner: owner))
      let tokens = try await lab.visibleTokens(table.tenant, at: receipt.snapshot)
      #expect(tokens.suffix(2) == [5, 6])
    }
  }

  @Test(arguments: StoreBackends.all)
  func onlyTheTablesThatChangedAreNamedAndTheOthersDeletesStay(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let first = try await lab.makeKeyedTable("first", of: "acme")
      let second = try await lab.makeKeyedTable("second", of: "acme")
      let third = try await lab.makeKeyedTable("third", of: "globex")
      for table in [first, second, third] { try await lab.commit(table, "put a", "put b") }
      for table in [first, second, third] { try await lab.publish(table, payloads: ["put a"]) }
      let claims = try await lab.claim(owner, [first.tenant, third.tenant])
      let commit = try await lab.materialiseKeyed(claims, owner: owner)
      try await lab.rewrite(second)
      await #expect(throws: CommitError.tablesChanged([second.id])) {
        try await lab.catalog.commit(commit)
      }
      let again = try await lab.materialiseKeyed(claims, owner: owner)
      func mixed<Part>(_ old: [Part], _ new: [Part], _ table: (Part) -> TableID) -> [Part] {
        old.filter { table($0) != second.id } + new.filter { table($0) == second.id }
      }
      let receipt = try await lab.catalog.commit(
        commit.replacing(
          tables: mixed(commit.tables, again.tables) { $0.table },
          deletes: mixed(commit.deletes, again.deletes) { $0.table }))
      #expect(try await lab.visibleTokens(first.tenant, at: receipt.snapshot) == [2, 4, 5, 6])
      #expect(try await lab.visibleTokens(third.tenant, at: receipt.snapshot) == [2, 3])
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all, KeyedContradiction.allCases)
  func aCommitThatContradictsItselfOrTheLakeIsNeverApplied(
    _ kind: StoreKind, _ contradiction: KeyedContradiction
  ) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeKeyedTable(of: "acme")
      let other = try await lab.makeKeyedTable("other", of: "acme")
      try await lab.commit(other, "put z")
      try await lab.commit(table, "put a", "put b", "put c", "put d")
      try await lab.commit(table, "put a")
      try await lab.publish(table, payloads: ["put b", "del c", "put e"])
      let claims = try await lab.claim(owner, [table.tenant])
      let commit = try await lab.materialiseKeyed(claims, owner: owner)
      let newest = try await lab.catalog.snapshotStubs(after: nil, limit: 99).last
      let wrong = contradiction.apply(to: commit, table: table, other: other, lab: lab)
      let error = await #expect(throws: CommitError.self) {
        try await lab.catalog.commit(wrong)
      }
      guard case .inconsistent = error else {
        Issue.record("refused as \(String(describing: error))")
        return
      }
      #expect(try await lab.catalog.snapshotStubs(after: nil, limit: 99).last == newest)
      _ = try await lab.catalog.commit(commit)
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aKeyedCommitUnderALostLeaseIsFenced(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeKeyedTable(of: "acme")
      try await lab.commit(table, "put a", "put b")
      try await lab.publish(table, payloads: ["put a", "del b"])
      let zombie = try await lab.materialiseKeyed(
        try await lab.claim(owner, [table.tenant]), owner: owner)
      lab.clock.advanceLease(milliseconds: leaseMs)
      let heir = OwnerID("heir")
      let claims = try await lab.claim(heir, [table.tenant])
      await #expect(throws: CommitError.fenced([table.tenant])) {
        try await lab.catalog.commit(zombie)
      }
      let receipt = try await lab.catalog.commit(
        try await lab.materialiseKeyed(claims, owner: heir))
      await #expect(throws: CommitError.fenced([table.tenant])) {
        try await lab.catalog.commit(zombie)
      }
      #expect(try await lab.visibleTokens(table.tenant, at: receipt.snapshot) == [3])
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func theOutcomeOfAKeyedCommitIsFoundOut(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeKeyedTable(of: "acme")
      try await lab.commit(table, "put a")
      try await lab.publish(table, payloads: ["del a", "put b"])
      let lost = try await lab.materialiseKeyed(
        try await lab.claim(owner, [table.tenant]), owner: owner)
      #expect(
        try await lab.catalog.resolve(lost.id, owner: owner, fences: lost.fences) == nil)
      await #expect(throws: CommitError.fenced([table.tenant])) {
        try await lab.catalog.commit(lost)
      }
      let done = try await lab.materialiseKeyed(
        try await lab.claim(owner, [table.tenant]), owner: owner)
      let receipt = try await lab.catalog.commit(done)
      #expect(
        try await lab.catalog.resolve(done.id, owner: owner, fences: done.fences) == receipt)
      #expect(try await lab.visibleTokens(table.tenant, at: receipt.snapshot) == [3])
    }
  }
}
