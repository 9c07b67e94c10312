import Catalog
import Consistency
import IngestBus
import Model
import Testing

/// Dead letters as they are listed, asked for again and given up.
@Suite struct DeadLetterTests {
  @Test(arguments: StoreBackends.all)
  func lettersAreListedByTableReasonTokenAndId(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.tableWithLetters()
      let tenant = table.tenant
      let all = try await lab.letters(tenant)
      #expect(all.map(\.token.rawValue) == [2, 3])
      #expect(all.map(\.schemaVersion) == [1, 1])
      #expect(all.map(\.isWanted) == [false, false])
      #expect(try await lab.letters(tenant, after: all[0].id) == [all[1]])
      #expect(try await lab.letters(tenant, limit: 1) == [all[0]])
      func found(_ filter: DeadLetterFilter) async throws -> [Int64] {
        try await lab.letters(tenant, matching: filter).map(\.token.rawValue)
      }
      #expect(try await found(.init(ids: [all[1].id, 999])) == [3])
      #expect(try await found(.init(ids: [])) == [])
      #expect(try await found(.init(tokens: [VisibilityToken(2)])) == [2])
      #expect(try await found(.init(tableName: "EVENTS")) == [2, 3])
      #expect(try await found(.init(tableName: "other")) == [])
      #expect(try await found(.init(tableName: "x' OR 'a' = 'a")) == [])
      #expect(try await found(.init(reason: "bad_payload")) == [2, 3])
      #expect(try await found(.init(reason: "CAST_FAILED")) == [])
      let stranger = try await lab.makeTable(of: "globex")
      #expect(try await lab.letters(stranger.tenant) == [])
    }
  }

  @Test(arguments: StoreBackends.all)
  func aRequestIsMadeOnceAndAnotherPayloadTakesItsPlace(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.tableWithLetters().tenant
      let id = try await lab.letters(tenant)[0].id
      func request(_ payload: String?) async throws -> Int64? {
        let request = ReplayRequest(
          letter: id, payload: payload.map { Array($0.utf8) }, schemaVersion: 1)
        let standing = try await lab.catalog.requestReplays([request], tenant: tenant)[id]
        #expect(standing?.isWanted == true)
        return standing?.revision
      }
      #expect(try await lab.catalog.tenantsWithReplays() == [])
      #expect(try await request(nil) == 1)
      #expect(try await request(nil) == 1)
      #expect(try await request("row") == 2)
      #expect(try await request("row") == 2)
      #expect(try await request("") == 3)
      #expect(try await request(nil) == 4)
      #expect(try await lab.catalog.tenantsWithReplays() == [tenant])
      #expect(try await lab.letters(tenant).map(\.isWanted) == [true, false])
      #expect(
        String(decoding: try await lab.letters(tenant)[0].payload, as: UTF8.self) == "bad one")
    }
  }

  @Test(arguments: StoreBackends.all)
  func anotherTenantsLettersAreAsUnknownAsThoseThatNeverWere(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.tableWithLetters().tenant
      let stranger = try await lab.makeTable(of: "globex").tenant
      let id = try await lab.letters(tenant)[0].id
      for ids in [[id], [id + 100]] {
        #expect(try await lab.catalog.standings(of: ids, tenant: stranger).isEmpty)
        #expect(
          try await lab.catalog.requestReplays(
            ids.map { ReplayRequest(letter: $0, payload: nil, schemaVersion: 1) },
            tenant: stranger
          ).isEmpty)
        #expect(try await lab.catalog.discard(letter: ids[0], tenant: stranger) == nil)
      }
      #expect(
        try await lab.catalog.standings(of: [VisibilityToken(2)], tenant: stranger).isEmpty)
      #expect(try await lab.letters(tenant).map(\.isWanted) == [false, false])
      #expect(try await lab.account(tenant).discarded == 0)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aLetterIsGivenUpOnceAndCountedAsDiscarded(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.tableWithLetters().tenant
      let id = try await lab.letters(tenant)[0].id
      for _ in 0..<2 {
        let gone = try #require(try await lab.catalog.discard(letter: id, tenant: tenant))
        #expect(gone.settlement == .discarded)
        #expect(gone.snapshot == nil)
        let account = try await lab.account(tenant)
        #expect(account.discarded == 1)
        #expect(account.isBalanced)
        #expect(try await lab.catalog.deadLetterCount(tenant: tenant) == 1)
        #expect(try await lab.catalog.progress(tenant: tenant).deadLetters == 1)
        #expect(try await lab.catalog.violations() == [])
      }
      let standing = try await lab.catalog.standings(of: [VisibilityToken(2)], tenant: tenant)
      #expect(standing[VisibilityToken(2)]?.reason == LetterStanding.discarded)
      #expect(try await lab.wantAll(tenant).count == 1)
      #expect(
        try await lab.catalog.standings(of: [id], tenant: tenant)[id]?.settlement == .discarded)
    }
  }

  @Test(arguments: StoreBackends.all)
  func howTheLettersOfARangeEndedIsFound(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.tableWithLetters().tenant
      let all = VisibilityToken(1)...VisibilityToken(4)
      func settled(_ range: ClosedRange<VisibilityToken>) async throws -> SettledRange {
        try await lab.catalog.settledLetters(in: range, tenant: tenant, limit: 10)
      }
      let nothing = SettledRange(discarded: [], newestSnapshot: nil)
      #expect(try await settled(all) == nothing)
      let letters = try await lab.letters(tenant)
      _ = try await lab.catalog.discard(letter: letters[0].id, tenant: tenant)
      try await lab.wantAll(tenant, payload: "good")
      let claim = try #require(try await lab.claimReplays(tenant))
      let receipt = try await lab.catalog.commit(lab.replay(claim))
      #expect(try await settled(all).discarded.map(\.token) == [VisibilityToken(2)])
      #expect(try await settled(all).newestSnapshot == receipt.snapshot)
      #expect(try await settled(VisibilityToken(3)...VisibilityToken(4)).discarded == [])
      #expect(
        try await settled(VisibilityToken(1)...VisibilityToken(2)).newestSnapshot == nil)
      #expect(try await settled(VisibilityToken(4)...VisibilityToken(9)) == nothing)
      let stranger = try await lab.makeTable(of: "globex").tenant
      #expect(
        try await lab.catalog.settledLetters(in: all, tenant: stranger, limit: 10) == nothing)
    }
  }

  /// Each damage would be lost or doubled events; a rule of the catalog names it.
  @Test(
    arguments: StoreBackends.all,
    [
      "DELETE FROM duckmesh_settled_letter WHERE settlement = 'applied'",
      "DELETE FROM duckmesh_settled_letter WHERE settlement = 'discarded'",
      "UPDATE duckmesh_settled_letter SET settlement = 'discarded'",
      "DELETE FROM duckmesh_dead_letter",
      "UPDATE duckmesh_ledger SET replayed = replayed + 1 WHERE replayed > 0",
      "UPDATE duckmesh_ledger SET replayed = 0",
      "UPDATE duckmesh_consumer SET replayed = 0",
      "UPDATE duckmesh_consumer SET discarded = 0",
      "UPDATE duckmesh_settled_letter SET token = 5 WHERE settlement = 'applied'",
      "INSERT INTO duckmesh_key_tombstone SELECT table_id, 'x', 1 FROM duckmesh_table",
    ])
  func whatIsNotAsTheLedgerSaysIsFound(_ kind: StoreKind, _ damage: String) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      _ = try await lab.publish(
        table, TestEvent("a"), TestEvent("b", "bad 1"), TestEvent("c", "bad 2"),
        TestEvent("d", "bad 3"))
      try await lab.commitAll([table.tenant])
      let ids = try await lab.letters(table.tenant).map(\.id)
      _ = try await lab.catalog.requestReplays(
        [ReplayRequest(letter: ids[0], payload: nil, schemaVersion: 1)], tenant: table.tenant)
      let claim = try #require(try await lab.claimReplays(table.tenant))
      _ = try await lab.catalog.commit(lab.replay(claim))
      _ = try await lab.catalog.discard(letter: ids[1], tenant: table.tenant)
      #expect(try await lab.catalog.violations() == [])
      try await lab.backend.damage(damage)
      #expect(try await lab.catalog.violations() != [])
    }
  }
}
