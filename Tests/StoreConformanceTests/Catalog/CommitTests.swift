import Catalog
import Consistency
import IngestBus
import Model
import Testing

@Suite struct CommitTests {
  private let owner = OwnerID("owner")

  @Test(arguments: StoreBackends.all)
  func aCommitMovesTheWatermarkAndShowsExactlyItsRows(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      _ = try await lab.publish(
        table, TestEvent("a"), TestEvent("b", "bad"), TestEvent("c", "noop"),
        TestEvent("d", "superseded"), TestEvent("e"))
      let before = try await lab.catalog.latestSnapshot(tenant: table.tenant)
      let receipt = try await lab.commitAll([table.tenant])
      let latest = try await lab.catalog.latestSnapshot(tenant: table.tenant)
      #expect(latest.id == receipt.snapshot)
      #expect(latest.time == receipt.time)
      #expect(latest.watermark == VisibilityToken(5))
      #expect(latest.parent == before.id)
      #expect(try await lab.visibleTokens(table.tenant, at: latest.id) == [1, 5])
      #expect(try await lab.visibleTokens(table.tenant, at: before.id) == [])
      let account = try #require(try await lab.catalog.accounts().first)
      #expect(account.isBalanced)
      #expect(
        account.counts
          == LedgerCounts(inserted: 2, superseded: 1, noOperation: 1, deadLettered: 1))
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func oneCommitServesSeveralTenantsAndTables(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let first = try await lab.makeTable(of: "acme")
      let other = try await lab.makeTable("other", try await lab.makeTenant("acme"))
      let second = try await lab.makeTable(of: "globex")
      _ = try await lab.publish([
        Draft(first, [TestEvent("a")]), Draft(other, [TestEvent("a"), TestEvent("b")]),
        Draft(second, [TestEvent("a")]),
      ])
      let receipt = try await lab.commitAll([first.tenant, second.tenant])
      #expect(
        try await lab.visibleTokensByTable(first.tenant, at: receipt.snapshot)
          == ["events": [1], "other": [2, 3]])
      #expect(try await lab.visibleTokens(second.tenant, at: receipt.snapshot) == [1])
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  /// Everything that may have changed between claim and commit.
  @Test(arguments: StoreBackends.all, LostClaim.allCases)
  func aCommitUnderALostClaimIsFencedAndChangesNothing(
    _ kind: StoreKind, _ loss: LostClaim
  ) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 2)
      let claim = try #require(try await lab.claim(owner, [table.tenant]).first)
      var commit = try lab.materialise([claim], owner: owner)
      switch loss {
      case .leaseExpired: lab.clock.advanceLease(milliseconds: leaseMs)
      case .leaseStolen:
        lab.clock.advanceLease(milliseconds: leaseMs)
        _ = try await lab.claim(OwnerID("thief"), [table.tenant])
      case .leaseTakenAgainBySelf:
        lab.clock.advanceLease(milliseconds: leaseMs)
        _ = try await lab.claim(owner, [table.tenant])
      case .released:
        try await lab.bus.release(
          owner: owner, claims: [(claim.tenant, claim.epoch)], reason: .shutdown)
      case .requeued:
        lab.clock.advanceLease(milliseconds: leaseMs)
        _ = try await lab.bus.requeueExpired()
      case .committedAlready: _ = try await lab.catalog.commit(commit)
      case .committedByThief:
        lab.clock.advanceLease(milliseconds: leaseMs)
        try await lab.commitAll([table.tenant], owner: OwnerID("thief"))
      case .otherOwner: commit = commit.replacing(owner: OwnerID("impostor"))
      case .olderEpoch:
        commit = commit.replacing(fences: [
          TenantFence(
            tenant: claim.tenant, epoch: LeaseEpoch(claim.epoch.rawValue - 1), from: claim.from,
            to: claim.to)
        ])
      case .beyondHead:
        commit = commit.replacing(fences: [
          TenantFence(
            tenant: claim.tenant, epoch: claim.epoch, from: claim.from,
            to: claim.to.advanced(by: 1))
        ])
      }
      let before = try await lab.catalog.latestSnapshot(tenant: table.tenant)
      await #expect(throws: CommitError.fenced([table.tenant])) {
        try await lab.catalog.commit(commit)
      }
      #expect(try await lab.catalog.latestSnapshot(tenant: table.tenant) == before)
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aFencedTenantIsNamedAndTheOthersCanBeCommittedWithoutIt(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tables = [try await lab.makeTable(of: "acme"), try await lab.makeTable(of: "globex")]
      for table in tables { try await lab.publishRows(table, 1) }
      let claims = try await lab.claim(owner, tables.map(\.tenant))
      try await lab.bus.release(
        owner: owner, claims: [(claims[0].tenant, claims[0].epoch)], reason: .shutdown)
      await #expect(throws: CommitError.fenced([tables[0].tenant])) {
        try await lab.catalog.commit(try lab.materialise(claims, owner: self.owner))
      }
      _ = try await lab.catalog.commit(try lab.materialise([claims[1]], owner: owner))
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aTableDroppedSinceTheClaimRefusesTheCommit(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 2)
      let commit = try lab.materialise(try await lab.claim(owner, [table.tenant]), owner: owner)
      _ = try await lab.catalog.dropTable(named: "events", tenant: table.tenant)
      await #expect(throws: CommitError.tablesChanged([table.id])) {
        try await lab.catalog.commit(commit)
      }
      // Its events can still be accounted for, as dead letters for instance.
      let counts = LedgerCounts(noOperation: 2)
      _ = try await lab.catalog.commit(
        commit.replacing(
          tables: [], files: [],
          ledger: [NewLedgerRow(tenant: table.tenant, table: table.id, counts: counts)]))
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func anotherSchemaVersionThanTheTablesRefusesTheCommit(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 1)
      let commit = try lab.materialise(try await lab.claim(owner, [table.tenant]), owner: owner)
      await #expect(throws: CommitError.tablesChanged([table.id])) {
        try await lab.catalog.commit(
          commit.replacing(tables: [CommittedTable(table: table.id, schemaVersion: 2)]))
      }
    }
  }

  @Test(arguments: StoreBackends.all, Contradiction.allCases)
  func aCommitThatContradictsItselfIsRefusedAndChangesNothing(
    _ kind: StoreKind, _ contradiction: Contradiction
  ) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let other = try await lab.makeTable("other", try await lab.makeTenant("acme"))
      let foreign = try await lab.makeTable(of: "globex")
      _ = try await lab.publish([
        Draft(table, [TestEvent("a"), TestEvent("b"), TestEvent("c", "bad")]),
        Draft(other, [TestEvent("a")]),
      ])
      let claim = try #require(try await lab.claim(owner, [table.tenant]).first)
      let sound = try lab.materialise([claim], owner: owner)
      let before = try await lab.catalog.snapshotStubs(after: nil, limit: 100)
      let broken = contradiction.apply(
        to: sound, table: table, other: other, foreign: foreign, lab: lab)
      let error = await #expect(throws: CommitError.self) {
        try await lab.catalog.commit(broken)
      }
      guard case .inconsistent = error else {
        Issue.record("refused as \(String(describing: error))")
        return
      }
      #expect(try await lab.catalog.snapshotStubs(after: nil, limit: 100) == before)
      #expect(try await lab.catalog.violations().isEmpty)
      _ = try await lab.catalog.commit(sound)
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func snapshotIDsAndTimesRiseAlsoWhenTheTimeOfDayIsSetBack(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      for step in [0, 10, -60_000, 0, 5, 120_000, -1] {
        lab.clock.advanceWall(milliseconds: step)
        try await lab.publishRows(table, 1, prefix: "\(step)-\(lab.clock.wall.microseconds)")
        try await lab.commitAll([table.tenant])
      }
      let stubs = try await lab.catalog.snapshotStubs(after: nil, limit: 100)
      #expect(zip(stubs, stubs.dropFirst()).allSatisfy { $0.id < $1.id && $0.time < $1.time })
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func resolvingFindsACommitThatWasApplied(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 1)
      let commit = try lab.materialise(try await lab.claim(owner, [table.tenant]), owner: owner)
      let receipt = try await lab.catalog.commit(commit)
      #expect(
        try await lab.catalog.resolve(commit.id, owner: owner, fences: commit.fences) == receipt)
    }
  }

  @Test(arguments: StoreBackends.all)
  func resolvingACommitThatWasNotAppliedFencesItOff(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 1)
      let commit = try lab.materialise(try await lab.claim(owner, [table.tenant]), owner: owner)
      #expect(
        try await lab.catalog.resolve(commit.id, owner: owner, fences: commit.fences) == nil)
      await #expect(throws: CommitError.fenced([table.tenant])) {
        try await lab.catalog.commit(commit)
      }
      try await lab.commitAll([table.tenant], owner: owner)
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func resolvingDoesNotTouchALeaseThatHasChangedHands(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 1)
      let commit = try lab.materialise(try await lab.claim(owner, [table.tenant]), owner: owner)
      lab.clock.advanceLease(milliseconds: leaseMs)
      let thief = OwnerID("thief")
      let stolen = try await lab.claim(thief, [table.tenant])
      _ = try await lab.catalog.resolve(commit.id, owner: owner, fences: commit.fences)
      _ = try await lab.catalog.commit(try lab.materialise(stolen, owner: thief))
    }
  }

  @Test(arguments: StoreBackends.all)
  func aNULInAStatisticOrAMessageKeepsNoCommitOut(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      _ = try await lab.publish(table, TestEvent("a"), TestEvent("b", "bad\0payload"))
      let commit = try lab.materialise(try await lab.claim(owner, [table.tenant]), owner: owner)
      let (file, letter) = (commit.files[0], commit.deadLetters[0])
      let statistics = ColumnStatistics(
        columnID: 2, byteCount: 8, valueCount: 1, nullCount: 0, minimum: "a\0b", maximum: "z",
        containsNaN: nil)
      _ = try await lab.catalog.commit(
        commit.replacing(
          files: [
            NewDataFile(
              table: table.id, name: file.name, recordCount: file.recordCount,
              byteCount: file.byteCount, footerByteCount: file.footerByteCount,
              statistics: file.statistics + [statistics])
          ],
          deadLetters: [
            NewDeadLetter(
              tenant: letter.tenant, table: letter.table, token: letter.token, schemaVersion: 1,
              operation: 0, reason: letter.reason, message: "it holds \0",
              idempotencyKey: letter.idempotencyKey, payload: letter.payload)
          ]))
      let kept = try await lab.catalog.deadLetters(
        tenant: table.tenant, tokens: nil, after: nil, limit: 9)
      #expect(kept.map(\.payload) == [Array("bad\0payload".utf8)])
      #expect(try #require(kept.first?.message).hasPrefix("it holds "))
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func deadLettersAreListedInOrderByPageAndByToken(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let foreign = try await lab.makeTable(of: "globex")
      for index in 0..<5 {
        _ = try await lab.publish(table, TestEvent("k\(index)", "bad \(index)"))
        _ = try await lab.publish(foreign, TestEvent("k\(index)", "bad other"))
      }
      try await lab.commitAll([table.tenant, foreign.tenant])
      let page = try await lab.catalog.deadLetters(
        tenant: table.tenant, tokens: nil, after: nil, limit: 3)
      #expect(page.map(\.token.rawValue) == [1, 2, 3])
      let rest = try await lab.catalog.deadLetters(
        tenant: table.tenant, tokens: nil, after: page.last?.id, limit: 3)
      #expect(rest.map(\.payload) == [Array("bad 3".utf8), Array("bad 4".utf8)])
      #expect(rest.map(\.idempotencyKey) == [Array("k3".utf8), Array("k4".utf8)])
      #expect(rest.allSatisfy { $0.tableName == "events" && $0.reason == "bad_payload" })
      let some = try await lab.catalog.deadLetters(
        tenant: table.tenant, tokens: [VisibilityToken(4), VisibilityToken(2)], after: nil,
        limit: 10)
      #expect(some.map(\.token.rawValue) == [2, 4])
      #expect(
        try await lab.catalog.deadLetters(
          tenant: table.tenant, tokens: [], after: nil, limit: 10
        ).isEmpty)
      #expect(try await lab.catalog.progress(tenant: table.tenant).deadLetters == 5)
    }
  }
}
