import Catalog
import Consistency
import IngestBus
import Model
import Testing

/// Commits that make something of dead letters.
@Suite struct ReplayTests {
  private let owner = OwnerID("committer")

  @Test(arguments: StoreBackends.all)
  func aReplayShowsTheRowUnderItsTokenAndMovesNothing(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.tableWithLetters().tenant
      let before = try await lab.catalog.latestSnapshot(tenant: tenant)
      let ids = try await lab.letters(tenant).map(\.id)
      try await lab.wantAll(tenant, payload: "row")
      let claim = try #require(try await lab.claimReplays(tenant))
      #expect(claim.fence.from == VisibilityToken(4) && claim.fence.to == VisibilityToken(4))
      #expect(claim.letters.map(\.token.rawValue) == [2, 3])
      #expect(claim.letters.map { String(decoding: $0.payload, as: UTF8.self) } == ["row", "row"])
      let receipt = try await lab.catalog.commit(
        lab.replay(claim) { $0.token.rawValue == 2 ? .applied : .superseded })
      let latest = try await lab.catalog.latestSnapshot(tenant: tenant)
      #expect(latest.id == receipt.snapshot)
      #expect(latest.watermark == before.watermark)
      #expect(try await lab.visibleTokens(tenant, at: latest.id) == [1, 2, 4])
      #expect(try await lab.visibleTokens(tenant, at: before.id) == [1, 4])
      let account = try await lab.account(tenant)
      #expect(account.isBalanced)
      #expect(account.counts == LedgerCounts(inserted: 3, superseded: 1))
      #expect(try await lab.letters(tenant) == [])
      #expect(try await lab.catalog.deadLetterCount(tenant: tenant) == 0)
      let standings = try await lab.catalog.standings(of: ids, tenant: tenant)
      #expect(ids.map { standings[$0]?.settlement } == [.applied, .superseded])
      #expect(standings[ids[0]]?.isShown(at: before.id) == false)
      #expect(standings[ids[0]]?.isShown(at: latest.id) == true)
      #expect(try await lab.catalog.tenantsWithReplays() == [])
      #expect(try await lab.claimReplays(tenant) == nil)
      #expect(try await lab.catalog.violations() == [])
      // The next events go on where the watermark is.
      _ = try await lab.publish([
        Draft(
          try #require(try await lab.catalog.table(named: "events", tenant: tenant)),
          [TestEvent("e")])
      ])
      try await lab.commitAll([tenant])
      #expect(
        try await lab.visibleTokens(
          tenant, at: lab.catalog.latestSnapshot(tenant: tenant).id) == [1, 2, 4, 5])
      #expect(try await lab.catalog.violations() == [])
    }
  }

  @Test(arguments: StoreBackends.all)
  func whatIsRefusedAgainStaysWithItsPayloadAndItsNewReason(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.tableWithLetters().tenant
      try await lab.wantAll(tenant, payload: "worse")
      let claim = try #require(try await lab.claimReplays(tenant))
      let refused = lab.replay(claim) { _ in .refused(reason: "CAST_FAILED", message: "no\0pe") }
      _ = try await lab.catalog.commit(refused)
      let letters = try await lab.letters(tenant)
      #expect(letters.map(\.reason) == ["CAST_FAILED", "CAST_FAILED"])
      #expect(letters.map(\.isWanted) == [false, false])
      #expect(String(decoding: letters[0].payload, as: UTF8.self) == "bad one")
      #expect(try await lab.account(tenant).counts == LedgerCounts(inserted: 2, deadLettered: 2))
      #expect(try await lab.claimReplays(tenant) == nil)
      #expect(try await lab.catalog.violations() == [])
      // The next request has no correction of the one before.
      try await lab.wantAll(tenant)
      let again = try #require(try await lab.claimReplays(tenant))
      #expect(again.letters.map(\.revision) == [2, 2])
      #expect(String(decoding: again.letters[0].payload, as: UTF8.self) == "bad one")
    }
  }

  enum Meanwhile: CaseIterable { case discarded, askedAnew, replayedAlready }

  @Test(arguments: StoreBackends.all, Meanwhile.allCases)
  func aLetterThatChangedSinceItsClaimRefusesTheCommit(
    _ kind: StoreKind, _ change: Meanwhile
  ) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.tableWithLetters().tenant
      let id = try await lab.letters(tenant)[0].id
      try await lab.wantAll(tenant)
      let claim = try #require(try await lab.claimReplays(tenant))
      switch change {
      case .discarded: _ = try await lab.catalog.discard(letter: id, tenant: tenant)
      case .askedAnew:
        _ = try await lab.catalog.requestReplays(
          [ReplayRequest(letter: id, payload: Array("x".utf8), schemaVersion: 1)], tenant: tenant)
      case .replayedAlready:
        let first = ReplayClaim(fence: claim.fence, letters: [claim.letters[0]])
        _ = try await lab.catalog.commit(lab.replay(first))
      }
      let before = try await lab.catalog.latestSnapshot(tenant: tenant)
      await #expect(throws: CommitError.lettersChanged([id])) {
        try await lab.catalog.commit(lab.replay(claim))
      }
      #expect(try await lab.catalog.latestSnapshot(tenant: tenant) == before)
      #expect(try await lab.catalog.violations() == [])
      let next = try #require(try await lab.claimReplays(tenant))
      _ = try await lab.catalog.commit(lab.replay(next))
      #expect(try await lab.letters(tenant) == [])
      #expect(try await lab.account(tenant).isBalanced)
      #expect(try await lab.catalog.violations() == [])
    }
  }

  @Test(arguments: StoreBackends.all)
  func aTenantHasOneOwnerForItsEventsAndItsLetters(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.tableWithLetters()
      let tenant = table.tenant
      try await lab.wantAll(tenant)
      let thief = OwnerID("thief")
      // Who has the lease for events has it for letters; the others have neither.
      #expect(try await lab.claimReplays(tenant, owner: thief) == nil)
      let claim = try #require(try await lab.claimReplays(tenant))
      _ = try await lab.publish(table, TestEvent("e"))
      #expect(try await lab.claim(thief, [tenant]).isEmpty)
      lab.clock.advanceLease(milliseconds: leaseMs + 1)
      let stolen = try #require(try await lab.claimReplays(tenant, owner: thief))
      #expect(stolen.fence.epoch > claim.fence.epoch)
      await #expect(throws: CommitError.fenced([tenant])) {
        try await lab.catalog.commit(lab.replay(claim))
      }
      let events = try await lab.claim(thief, [tenant])
      #expect(events.map(\.epoch) == [stolen.fence.epoch])
      _ = try await lab.catalog.commit(lab.materialise(events, owner: thief))
      // The watermark has moved: what was read beside it is old.
      await #expect(throws: CommitError.fenced([tenant])) {
        try await lab.catalog.commit(lab.replay(stolen, owner: thief))
      }
      let fresh = try #require(try await lab.claimReplays(tenant, owner: thief))
      _ = try await lab.catalog.commit(lab.replay(fresh, owner: thief))
      #expect(try await lab.catalog.violations() == [])
    }
  }

  @Test(arguments: StoreBackends.all)
  func aClaimOfLettersIsBounded(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.tableWithLetters().tenant
      try await lab.wantAll(tenant)
      #expect(try await lab.claimReplays(tenant, limit: 1)?.letters.map(\.token.rawValue) == [2])
      #expect(
        try await lab.claimReplays(tenant, byteLimit: 1)?.letters.map(\.token.rawValue) == [2])
      #expect(
        try await lab.claimReplays(tenant, byteLimit: 8)?.letters.map(\.token.rawValue) == [2, 3])
    }
  }

  enum Bug: CaseIterable {
    case letterTwice, uncounted, overcounted, notPassed, ofNoTenant, tombstoneUnsearched
    case countedAsAnother
  }

  @Test(arguments: StoreBackends.all, Bug.allCases)
  func aReplayThatContradictsItselfIsRefused(_ kind: StoreKind, _ bug: Bug) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.tableWithLetters()
      let tenant = table.tenant
      try await lab.wantAll(tenant)
      let claim = try #require(try await lab.claimReplays(tenant))
      let good = lab.replay(claim)
      func ledger(_ counts: LedgerCounts) -> [NewLedgerRow] {
        [NewLedgerRow(tenant: tenant, table: table.id, counts: counts)]
      }
      func moved(token: Int64, tenant: TenantID) -> [LetterReplay] {
        good.replays.map {
          LetterReplay(
            letter: $0.letter, tenant: tenant, table: $0.table, token: VisibilityToken(token),
            revision: $0.revision, outcome: $0.outcome)
        }
      }
      let bad =
        switch bug {
        case .letterTwice: good.replacing(replays: good.replays + good.replays)
        case .uncounted: good.replacing(ledger: ledger(LedgerCounts(inserted: 2)))
        case .overcounted: good.replacing(replays: Array(good.replays.prefix(1)))
        case .notPassed: good.replacing(replays: moved(token: 5, tenant: tenant))
        case .ofNoTenant: good.replacing(replays: moved(token: 2, tenant: TenantID(77)))
        case .tombstoneUnsearched:
          good.replacing(tombstones: [
            KeyTombstone(table: table.id, keyHash: [1], token: VisibilityToken(4))
          ])
        case .countedAsAnother:
          good.replacing(
            files: [], ledger: ledger(LedgerCounts(superseded: 2, replayed: 2)))
        }
      let error = await #expect(throws: CommitError.self) { try await lab.catalog.commit(bad) }
      guard case .inconsistent = error else {
        Issue.record("\(bug): \(String(describing: error))")
        return
      }
      #expect(try await lab.letters(tenant).map(\.isWanted) == [true, true])
      _ = try await lab.catalog.commit(good)
      #expect(try await lab.catalog.violations() == [])
    }
  }

  @Test(arguments: StoreBackends.all)
  func accountsStayWholeWhenSnapshotsExpire(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.tableWithLetters()
      try await lab.wantAll(table.tenant)
      let claim = try #require(try await lab.claimReplays(table.tenant))
      _ = try await lab.catalog.commit(
        lab.replay(ReplayClaim(fence: claim.fence, letters: [claim.letters[0]])))
      _ = try await lab.publish(table, TestEvent("e"))
      try await lab.commitAll([table.tenant])
      let stubs = try await lab.catalog.snapshotStubs(after: nil, limit: 100)
      _ = try await lab.catalog.expireSnapshots(stubs.dropLast().map(\.id))
      #expect(try await lab.catalog.violations() == [])
      #expect(
        try await lab.account(table.tenant).counts == LedgerCounts(inserted: 4, deadLettered: 1))
    }
  }

  @Test(arguments: StoreBackends.all)
  func anUnknownOutcomeOfAReplayIsFoundOut(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.tableWithLetters().tenant
      try await lab.wantAll(tenant)
      let claim = try #require(try await lab.claimReplays(tenant))
      let commit = lab.replay(claim)
      let receipt = try await lab.catalog.commit(commit)
      #expect(
        try await lab.catalog.resolve(commit.id, owner: owner, fences: commit.fences) == receipt)
    }
  }
}
