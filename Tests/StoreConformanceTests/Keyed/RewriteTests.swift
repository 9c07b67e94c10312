import Catalog
import Consistency
import IngestBus
import Model
import Testing

@Suite struct RewriteTests {
  private let owner = OwnerID("rewriter")

  /// Five rows in two files, of which a, c and d are deleted or replaced.
  private func decayed(_ lab: Lab) async throws -> (TableRecord, [SnapshotID: [Int64]]) {
    let table = try await lab.makeKeyedTable(of: "acme")
    var seen: [SnapshotID: [Int64]] = [:]
    seen[try await lab.commit(table, "put a", "put b", "put c").snapshot] = [1, 2, 3]
    seen[try await lab.commit(table, "put d", "put e", "del a").snapshot] = [2, 3, 4, 5]
    seen[try await lab.commit(table, "del c", "put d").snapshot] = [2, 5, 8]
    return (table, seen)
  }

  private func check(
    _ seen: [SnapshotID: [Int64]], _ table: TableRecord, _ lab: Lab,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    for (snapshot, tokens) in seen {
      #expect(
        try await lab.visibleTokens(table.tenant, at: snapshot) == tokens,
        "snapshot \(snapshot.rawValue)", sourceLocation: sourceLocation)
      let content = try await lab.catalog.contents(of: [snapshot], tenant: table.tenant)
      #expect(
        content[snapshot]?.map(\.rows) == [Int64(tokens.count)], sourceLocation: sourceLocation)
    }
    #expect(try await lab.catalog.violations().isEmpty, sourceLocation: sourceLocation)
  }

  @Test(arguments: StoreBackends.all)
  func aRewriteLeavesEverySnapshotAsItWasAndOnlyLiveRowsInItsFile(
    _ kind: StoreKind
  ) async throws {
    try await withLab(kind) { lab in
      var (table, seen) = try await decayed(lab)
      let before = try await lab.catalog.latestSnapshot(tenant: table.tenant)
      let receipt = try await lab.rewrite(table)
      seen[receipt.snapshot] = [2, 5, 8]
      try await check(seen, table, lab)
      let live = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      #expect(live.map(\.recordCount) == [3])
      #expect(live.map(\.begin) == [receipt.snapshot])
      #expect(live.map(\.deletes) == [nil])
      #expect(live.map(\.partialMaximum) == [nil])
      // Queries read the new file without an event that comes after.
      let after = try await lab.catalog.latestSnapshot(tenant: table.tenant)
      #expect(after.id == receipt.snapshot && after.watermark == before.watermark)
      seen[try await lab.commit(table, "put b", "del e").snapshot] = [8, 9]
      try await check(seen, table, lab)
      #expect(try await lab.catalog.accounts().allSatisfy(\.isBalanced))
    }
  }

  @Test(arguments: StoreBackends.all)
  func someFilesAreRewrittenAndTheOthersStay(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      var (table, seen) = try await decayed(lab)
      let before = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      let receipt = try await lab.rewrite(table) { [$0[0]] }
      seen[receipt.snapshot] = [2, 5, 8]
      try await check(seen, table, lab)
      let after = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      #expect(after.filter { $0.begin < receipt.snapshot } == Array(before.dropFirst()))
    }
  }

  @Test(arguments: StoreBackends.all)
  func rowsDeletedWhileTheOutputWasWrittenAreDeletedInIt(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      var (table, seen) = try await decayed(lab)
      let epoch = try await lab.leased(table, owner)
      let stale = try await lab.planRewrite(table, owner: owner, epoch: epoch)
      seen[try await lab.commit(table, "del e", "put b").snapshot] = [8, 10]
      await #expect(throws: CommitError.filesChanged) { try await lab.catalog.commit(stale) }

      // The output has tokens 2, 5 and 8 at 0, 1 and 2.
      let output = try #require(stale.output)
      let inputs = try await lab.catalog.liveFiles(of: table.id).map(\.file)
        .filter { file in stale.inputs.contains { $0.id == file.id } }
      func retry(_ deleted: Set<Int>) -> RewriteCommit {
        RewriteCommit(
          id: .random(), owner: owner, epoch: epoch, table: table.id, schemaVersion: 1,
          inputs: inputs, output: output,
          outputDeletes: deleted.isEmpty
            ? nil : lab.writeDeletes(deleted, over: 0, of: table.id))
      }
      for wrong in [[], [0], [0, 1, 2]] as [Set<Int>] {
        await #expect(throws: CommitError.self) { try await lab.catalog.commit(retry(wrong)) }
      }
      let receipt = try await lab.catalog.commit(retry([0, 1]))
      seen[receipt.snapshot] = [8, 10]
      try await check(seen, table, lab)
      let live = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      #expect(live.compactMap(\.deletes).map(\.deleteCount) == [2])
      // The next commit goes on from there.
      seen[try await lab.commit(table, "del d").snapshot] = [10]
      try await check(seen, table, lab)
    }
  }

  @Test(arguments: StoreBackends.all)
  func filesOfDeadRowsEndWithoutAnOutput(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeKeyedTable(of: "acme")
      var seen: [SnapshotID: [Int64]] = [:]
      seen[try await lab.commit(table, "put a", "put b").snapshot] = [1, 2]
      seen[try await lab.commit(table, "put a", "del b").snapshot] = [3]
      seen[try await lab.rewrite(table) { [$0[0]] }.snapshot] = [3]
      #expect(try await lab.catalog.liveFiles(of: table.id).count == 1)
      seen[try await lab.commit(table, "del a").snapshot] = []
      seen[try await lab.rewrite(table).snapshot] = []
      #expect(try await lab.catalog.liveFiles(of: table.id).isEmpty)
      seen[try await lab.commit(table, "put a").snapshot] = [6]
      try await check(seen, table, lab)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aRewriteIsRefusedWhenAnInputIsNotAsItWasRead(_ kind: StoreKind) async throws {
    for change in 0..<5 {
      try await withLab(kind) { lab in
        let (table, _) = try await decayed(lab)
        var epoch = try await lab.leased(table, owner)
        let rewrite = try await lab.planRewrite(table, owner: owner, epoch: epoch)
        switch change {
        case 0: try await lab.commit(table, "del b")
        case 1:
          try await lab.rewrite(table, owner: owner) { [$0[1]] }
          epoch = try await lab.leased(table, owner)
        case 2: _ = try await lab.catalog.dropTable(named: "items", tenant: table.tenant)
        case 3:
          try await lab.backend.damage(
            "UPDATE ducklake_delete_file SET delete_file_id = delete_file_id + 500")
        default:
          try await lab.backend.damage(
            "UPDATE ducklake_data_file SET end_snapshot = 90 WHERE data_file_id = "
              + "\(rewrite.inputs[0].id)")
        }
        let newest = try await lab.catalog.snapshotStubs(after: nil, limit: 99).last
        await #expect(throws: CommitError.filesChanged, "change \(change)") {
          try await lab.catalog.commit(
            RewriteCommit(
              id: .random(), owner: self.owner, epoch: epoch, table: table.id,
              schemaVersion: 1, inputs: rewrite.inputs, output: rewrite.output))
        }
        #expect(try await lab.catalog.snapshotStubs(after: nil, limit: 99).last == newest)
      }
    }
  }

  @Test(arguments: StoreBackends.all)
  func filesThatCameSinceDoNotMatterToARewriteAndMergesOfDeletesAreRefused(
    _ kind: StoreKind
  ) async throws {
    try await withLab(kind) { lab in
      var (table, seen) = try await decayed(lab)
      let epoch = try await lab.leased(table, owner)
      let rewrite = try await lab.planRewrite(table, owner: owner, epoch: epoch)
      seen[try await lab.commit(table, "put z").snapshot] = [2, 5, 8, 9]
      let all = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      await #expect(throws: CommitError.filesChanged) {
        _ = try await lab.merge(table, inputs: all, owner: owner)
      }
      seen[try await lab.catalog.commit(rewrite).snapshot] = [2, 5, 8, 9]
      try await check(seen, table, lab)
      let left = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      _ = try await lab.merge(table, inputs: left, owner: owner)
      seen[try await lab.commit(table, "del z", "put b").snapshot] = [5, 8, 11]
      try await check(seen, table, lab)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aRewriteUnderALostLeaseIsFenced(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, _) = try await decayed(lab)
      let epoch = try await lab.leased(table, owner)
      let zombie = try await lab.planRewrite(table, owner: owner, epoch: epoch)
      lab.clock.advanceLease(milliseconds: leaseMs)
      await #expect(throws: CommitError.fenced([])) { try await lab.catalog.commit(zombie) }
      try await lab.rewrite(table, owner: OwnerID("heir"))
      await #expect(throws: CommitError.fenced([])) { try await lab.catalog.commit(zombie) }
      #expect(try await lab.catalog.liveFiles(of: table.id).count == 1)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aRewriteUnderAnotherSchemaVersionIsRefused(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, _) = try await decayed(lab)
      let epoch = try await lab.leased(table, owner)
      let rewrite = try await lab.planRewrite(table, owner: owner, epoch: epoch)
      try await lab.backend.damage("UPDATE duckmesh_table SET schema_version = 2")
      await #expect(throws: CommitError.tablesChanged([table.id])) {
        try await lab.catalog.commit(rewrite)
      }
      try await lab.backend.damage("UPDATE duckmesh_table SET schema_version = 1")
      _ = try await lab.catalog.commit(rewrite)
    }
  }

  @Test(arguments: StoreBackends.all)
  func theOutcomeOfARewriteIsFoundOut(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, _) = try await decayed(lab)
      let epoch = try await lab.leased(table, owner)
      let lost = try await lab.planRewrite(table, owner: owner, epoch: epoch)
      #expect(try await lab.catalog.resolve(lost) == nil)
      await #expect(throws: CommitError.fenced([])) { try await lab.catalog.commit(lost) }
      let next = try await lab.leased(table, owner)
      let done = try await lab.planRewrite(table, owner: owner, epoch: next)
      let receipt = try await lab.catalog.commit(done)
      #expect(try await lab.catalog.resolve(done) == receipt)
      // The lease went with the question: nobody has to wait for it.
      #expect(try await lab.leased(table, OwnerID("other")) > next)
      #expect(try await lab.catalog.resolve(done) == receipt)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aRewriteThatContradictsItselfIsRefused(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, _) = try await decayed(lab)
      let other = try await lab.makeKeyedTable("other", of: "acme")
      let epoch = try await lab.leased(table, owner)
      let right = try await lab.planRewrite(table, owner: owner, epoch: epoch)
      let output = try #require(right.output)
      let one = lab.writeDeletes([0], over: 0, of: table.id)
      let wrong: [([DataFileRecord], NewDataFile?, NewDeleteFile?)] = [
        (right.inputs, nil, nil), (right.inputs, output, one), ([], nil, nil),
        (right.inputs + right.inputs, output, nil), (right.inputs, nil, one),
        (right.inputs, lab.write([1, 2, 3], of: other.id), nil),
        (right.inputs, lab.write([1, 2, 3, 4], of: table.id), nil),
        (
          right.inputs, lab.write([1, 2, 3, 4], of: table.id),
          lab.writeDeletes([0], over: 0, of: other.id)
        ),
        ([right.inputs[0]], output, nil),
      ]
      for (inputs, output, deletes) in wrong {
        let error = await #expect(throws: CommitError.self) {
          try await lab.catalog.commit(
            RewriteCommit(
              id: .random(), owner: self.owner, epoch: epoch, table: table.id,
              inputs: inputs, output: output, outputDeletes: deletes))
        }
        guard case .inconsistent = error else {
          Issue.record("refused as \(String(describing: error))")
          continue
        }
      }
      _ = try await lab.catalog.commit(right)
    }
  }
}
