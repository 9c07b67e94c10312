import Catalog
import IngestBus
import Model
import Testing

@Suite struct MergeTests {
  private let owner = OwnerID("merger")

  @Test(arguments: StoreBackends.all)
  func aMergeReplacesItsInputsAndChangesNothingAtAnySnapshot(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      var states: [SnapshotID: [Int64]] = [:]
      for index in 0..<5 {
        try await lab.publishRows(table, 2, prefix: "\(index)")
        let snapshot = try await lab.commitAll([table.tenant]).snapshot
        states[snapshot] = try await lab.visibleTokens(table.tenant, at: snapshot)
      }
      let inputs = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      #expect(inputs.map(\.rowIDStart) == [0, 2, 4, 6, 8])
      #expect(
        try await lab.catalog.mergeCandidates(above: 4, limit: 10)
          == [MergeCandidate(table: table.id, liveFiles: 5)])
      #expect(try await lab.catalog.mergeCandidates(above: 5, limit: 10).isEmpty)
      let latest = try await lab.catalog.latestSnapshot(tenant: table.tenant)
      let receipt = try await lab.merge(table, inputs: Array(inputs[1...3]), owner: owner)
      states[receipt.snapshot] = Array(1...10)
      for (snapshot, tokens) in states {
        #expect(try await lab.visibleTokens(table.tenant, at: snapshot) == tokens)
      }
      // What nobody's rows were changed by is nobody's snapshot.
      #expect(try await lab.catalog.latestSnapshot(tenant: table.tenant) == latest)
      let live = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      #expect(live.map(\.recordCount) == [2, 6, 2])
      #expect(live[1].begin == inputs[1].begin)
      #expect(live[1].partialMaximum == inputs[3].begin)
      let scheduled = try await lab.catalog.scheduledFiles(before: lab.clock.wall, limit: 10)
      #expect(Set(scheduled.map(\.path)) == Set(inputs[1...3].map(\.path)))

      // And merged again, together with what is merged already.
      _ = try await lab.merge(table, inputs: live, owner: owner)
      for (snapshot, tokens) in states {
        #expect(try await lab.visibleTokens(table.tenant, at: snapshot) == tokens)
      }
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aMergeWithoutTheTablesLeaseIsFenced(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, merge) = try await twoFiles(lab)
      lab.clock.advanceLease(milliseconds: leaseMs - 1)
      #expect(
        try await lab.catalog.leaseTable(
          table.id, owner: OwnerID("thief"), leaseMs: leaseMs) == nil)
      lab.clock.advanceLease(milliseconds: 1)
      await #expect(throws: CommitError.fenced([])) { try await lab.catalog.commit(merge) }
      let epoch = try await lab.catalog.leaseTable(
        table.id, owner: OwnerID("thief"), leaseMs: leaseMs)
      #expect(try #require(epoch) > merge.epoch)
      await #expect(throws: CommitError.fenced([])) { try await lab.catalog.commit(merge) }
      #expect(try await lab.catalog.liveFiles(of: table.id).count == 2)
    }
  }

  @Test(arguments: StoreBackends.all)
  func inputsThatAreGoneOrHaveDeletesRefuseTheMerge(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, merge) = try await twoFiles(lab)
      try await lab.backend.damage(
        """
        INSERT INTO ducklake_delete_file(delete_file_id, table_id, begin_snapshot, data_file_id,
          path) VALUES (900, \(table.id.rawValue), 1, \(merge.inputs[0].id), 'x')
        """)
      await #expect(throws: CommitError.filesChanged) { try await lab.catalog.commit(merge) }
      try await lab.backend.damage("DELETE FROM ducklake_delete_file")
      _ = try await lab.catalog.commit(merge)
      let again = MergeCommit(
        id: .random(), owner: owner, epoch: merge.epoch, table: table.id, inputs: merge.inputs,
        output: lab.write([1, 2], of: table.id), rowIDStart: 0)
      await #expect(throws: CommitError.filesChanged) { try await lab.catalog.commit(again) }
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aMergeOfADroppedTableIsRefused(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, merge) = try await twoFiles(lab)
      _ = try await lab.catalog.dropTable(named: table.name, tenant: table.tenant)
      await #expect(throws: CommitError.filesChanged) { try await lab.catalog.commit(merge) }
    }
  }

  @Test(arguments: StoreBackends.all)
  func aMergeThatContradictsItselfIsRefused(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, merge) = try await twoFiles(lab)
      let other = try await lab.makeTable("other", try await lab.makeTenant("acme"))
      let wrong: [([DataFileRecord], NewDataFile)] = [
        (merge.inputs, lab.write([1], of: table.id)),
        (merge.inputs, lab.write([1, 2], of: other.id)),
        (merge.inputs + merge.inputs, lab.write([1, 2, 1, 2], of: table.id)),
        ([], lab.write([], of: table.id)),
      ]
      for (inputs, output) in wrong {
        let error = await #expect(throws: CommitError.self) {
          try await lab.catalog.commit(
            MergeCommit(
              id: .random(), owner: self.owner, epoch: merge.epoch, table: table.id,
              inputs: inputs, output: output, rowIDStart: nil))
        }
        guard case .inconsistent = error else {
          Issue.record("refused as \(String(describing: error))")
          continue
        }
      }
      #expect(try await lab.catalog.liveFiles(of: table.id).count == 2)
    }
  }

  @Test(arguments: StoreBackends.all)
  func resolvingTellsAMergeThatWasApplied(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, merge) = try await twoFiles(lab)
      let receipt = try await lab.catalog.commit(merge)
      #expect(try await lab.catalog.resolve(merge) == receipt)
      // The lease went with the question: nobody has to wait for it.
      let epoch = try await lab.catalog.leaseTable(
        table.id, owner: OwnerID("other"), leaseMs: leaseMs)
      #expect(try #require(epoch) > merge.epoch)
      #expect(try await lab.catalog.resolve(merge) == receipt)
    }
  }

  @Test(arguments: StoreBackends.all)
  func resolvingAMergeThatWasNotAppliedFencesItOff(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, merge) = try await twoFiles(lab)
      #expect(try await lab.catalog.resolve(merge) == nil)
      await #expect(throws: CommitError.fenced([])) { try await lab.catalog.commit(merge) }
      #expect(try await lab.catalog.liveFiles(of: table.id).count == 2)
      let inputs = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      _ = try await lab.merge(table, inputs: inputs, owner: owner)
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func resolvingAMergeDoesNotTouchALeaseThatHasChangedHands(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, merge) = try await twoFiles(lab)
      lab.clock.advanceLease(milliseconds: leaseMs)
      let thief = OwnerID("thief")
      let stolen = try #require(
        try await lab.catalog.leaseTable(table.id, owner: thief, leaseMs: leaseMs))
      #expect(try await lab.catalog.resolve(merge) == nil)
      try await lab.catalog.releaseTable(table.id, owner: owner, epoch: merge.epoch)
      _ = try await lab.catalog.commit(
        MergeCommit(
          id: .random(), owner: thief, epoch: stolen, table: table.id, inputs: merge.inputs,
          output: merge.output, rowIDStart: 0))
    }
  }

  @Test(arguments: StoreBackends.all)
  func aTableThatWasGivenBackIsLeasedAtOnceUnderAnotherEpoch(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, merge) = try await twoFiles(lab)
      let other = OwnerID("other")
      // Neither a stranger nor an older epoch gives back what is held.
      try await lab.catalog.releaseTable(table.id, owner: other, epoch: merge.epoch)
      try await lab.catalog.releaseTable(
        table.id, owner: owner, epoch: LeaseEpoch(merge.epoch.rawValue - 1))
      #expect(
        try await lab.catalog.leaseTable(table.id, owner: other, leaseMs: leaseMs) == nil)
      try await lab.catalog.releaseTable(table.id, owner: owner, epoch: merge.epoch)
      let epoch = try await lab.catalog.leaseTable(table.id, owner: other, leaseMs: leaseMs)
      #expect(try #require(epoch) > merge.epoch)
      await #expect(throws: CommitError.fenced([])) { try await lab.catalog.commit(merge) }
    }
  }

  private func twoFiles(_ lab: Lab) async throws -> (TableRecord, MergeCommit) {
    let table = try await lab.makeTable(of: "acme")
    for index in 0..<2 {
      try await lab.publishRows(table, 1, prefix: "\(index)")
      try await lab.commitAll([table.tenant])
    }
    let epoch = try #require(
      try await lab.catalog.leaseTable(table.id, owner: owner, leaseMs: leaseMs))
    let merge = MergeCommit(
      id: .random(), owner: owner, epoch: epoch, table: table.id,
      inputs: try await lab.catalog.liveFiles(of: table.id).map(\.file),
      output: lab.write([1, 2], of: table.id), rowIDStart: 0)
    return (table, merge)
  }
}

extension Lab {
  /// Merges files the way maintenance does: every row keeps the snapshot that added it.
  func merge(
    _ table: TableRecord, inputs: [DataFileRecord], owner: OwnerID
  ) async throws -> CommitReceipt {
    let epoch = try #require(
      try await catalog.leaseTable(table.id, owner: owner, leaseMs: leaseMs))
    let rows = inputs.flatMap { input in
      (lake.rows(at: String(input.path.split(separator: "/").last ?? "")) ?? []).map {
        TokenLake.Row(token: $0.token, addedBy: $0.addedBy ?? input.begin, key: $0.key)
      }
    }
    let output = write(rows.map(\.token), of: table.id)
    lake.write(rows: rows, to: output.name)
    return try await catalog.commit(
      MergeCommit(
        id: .random(), owner: owner, epoch: epoch, table: table.id, inputs: inputs,
        output: output, rowIDStart: inputs.first?.rowIDStart))
  }
}
