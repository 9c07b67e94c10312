import Catalog
import Consistency
import IngestBus
import Model
import Testing

/// Deleted keys that an open dead letter might bring back.
@Suite struct TombstoneTests {
  private func hash(_ key: UInt8) -> [UInt8] {
    Array(repeating: key, count: KeyTombstone.hashLength)
  }

  /// A keyed table whose second event is a dead letter, and a commit of one more event of it that
  /// deletes keys.
  private func deleting(
    _ lab: Lab, _ table: TableRecord, _ keys: [UInt8], as token: Int64
  ) async throws {
    try await lab.publish(table, payloads: ["del 1"])
    let claims = try await lab.claim(OwnerID("committer"), [table.tenant])
    let commit = try await lab.materialiseKeyed(claims, owner: OwnerID("committer"))
    _ = try await lab.catalog.commit(
      commit.replacing(
        tombstones: keys.map {
          KeyTombstone(table: table.id, keyHash: hash($0), token: VisibilityToken(token))
        }))
  }

  private func found(
    _ lab: Lab, _ table: TableRecord, _ keys: [UInt8]
  ) async throws -> [UInt8: Int64] {
    let stones = try await lab.catalog.tombstones(of: table.id, keys: keys.map(hash))
    return Dictionary(uniqueKeysWithValues: stones.map { ($0.keyHash[0], $0.token.rawValue) })
  }

  private func tableWithLetter(_ lab: Lab) async throws -> (TableRecord, letter: Int64) {
    let table = try await lab.makeKeyedTable(of: "acme")
    try await lab.publish(table, payloads: ["put 1", "put 2"])
    let claims = try await lab.claim(OwnerID("committer"), [table.tenant])
    let commit = try await lab.materialiseKeyed(claims, owner: OwnerID("committer"))
    let second = try claims[0].events()[1]
    _ = try await lab.catalog.commit(
      commit.replacing(
        files: [lab.write(rows: [.init(token: 1, addedBy: nil, key: "1")], of: table.id)],
        ledger: [
          NewLedgerRow(
            tenant: table.tenant, table: table.id,
            counts: LedgerCounts(inserted: 1, deadLettered: 1))
        ], deadLetters: [lab.letter(second, tenant: table.tenant)]))
    return (table, try await lab.letters(table.tenant)[0].id)
  }

  @Test(arguments: StoreBackends.all)
  func aDeletedKeyIsKeptAsLongAsALetterBeforeItIsOpen(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, letter) = try await tableWithLetter(lab)
      #expect(try await lab.catalog.hasOpenLetters(table: table.id))
      try await deleting(lab, table, [1, 2], as: 3)
      try await deleting(lab, table, [2], as: 4)
      #expect(try await found(lab, table, [1, 2, 3]) == [1: 3, 2: 4])
      #expect(try await lab.catalog.violations() == [])
      _ = try await lab.catalog.discard(letter: letter, tenant: table.tenant)
      #expect(try await found(lab, table, [1, 2]) == [:])
      #expect(try await lab.catalog.hasOpenLetters(table: table.id) == false)
      try await deleting(lab, table, [1], as: 5)
      #expect(try await found(lab, table, [1]) == [:])
      #expect(try await lab.catalog.violations() == [])
    }
  }

  @Test(arguments: StoreBackends.all)
  func aReplayTakesAwayWhatNoOtherLetterNeeds(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (table, _) = try await tableWithLetter(lab)
      try await deleting(lab, table, [1], as: 3)
      try await lab.wantAll(table.tenant)
      let claim = try #require(try await lab.claimReplays(table.tenant))
      let files = try await lab.catalog.lookupFiles(of: table.id, columns: [1]).map(\.file.live)
      func commit(searched: Bool) -> EventCommit {
        lab.replay(claim) { _ in .superseded }.replacing(tables: [
          CommittedTable(
            table: table.id, schemaVersion: 1, liveFiles: searched ? Set(files) : nil)
        ])
      }
      // Whether it is superseded is seen in the table's rows alone.
      let error = await #expect(throws: CommitError.self) {
        try await lab.catalog.commit(commit(searched: false))
      }
      guard case .inconsistent = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(try await found(lab, table, [1]) == [1: 3])
      _ = try await lab.catalog.commit(commit(searched: true))
      #expect(try await found(lab, table, [1]) == [:])
      #expect(try await lab.catalog.violations() == [])
    }
  }
}
