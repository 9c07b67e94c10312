import Catalog
import Consistency
import IngestBus
import Model

extension Lab {
  func letters(
    _ tenant: TenantID, matching filter: DeadLetterFilter = .all, after id: Int64? = nil,
    limit: Int = 1_000
  ) async throws -> [DeadLetterRecord] {
    try await catalog.deadLetters(tenant: tenant, matching: filter, after: id, limit: limit)
  }

  /// A table with four events, of which the second and the third are dead letters.
  func tableWithLetters(_ tenant: String = "acme") async throws -> TableRecord {
    let table = try await makeTable(of: tenant)
    _ = try await publish(
      table, TestEvent("a"), TestEvent("b", "bad one"), TestEvent("c", "bad two"), TestEvent("d"))
    try await commitAll([table.tenant])
    return table
  }

  /// Asks for all open letters of a tenant.
  @discardableResult
  func wantAll(
    _ tenant: TenantID, payload: String? = nil
  ) async throws -> [Int64: LetterStanding] {
    try await catalog.requestReplays(
      try await letters(tenant).map {
        ReplayRequest(letter: $0.id, payload: payload.map { Array($0.utf8) }, schemaVersion: 1)
      }, tenant: tenant)
  }

  func claimReplays(
    _ tenant: TenantID, owner: OwnerID = OwnerID("committer"), limit: Int = 1_000,
    byteLimit: Int = 1 << 20
  ) async throws -> ReplayClaim? {
    try await catalog.claimReplays(
      of: tenant, owner: owner, limit: limit, byteLimit: byteLimit, leaseMs: leaseMs)
  }

  /// The commit that a coordinator makes of letters of one table without a key.
  func replay(
    _ claim: ReplayClaim, owner: OwnerID = OwnerID("committer"),
    outcome: (ClaimedLetter) -> LetterReplay.Outcome = { _ in .applied }
  ) -> EventCommit {
    let tenant = claim.fence.tenant
    let replays = claim.letters.map { letter in
      LetterReplay(
        letter: letter.id, tenant: tenant, table: letter.table, token: letter.token,
        revision: letter.revision, outcome: outcome(letter))
    }
    let table = claim.letters[0].table
    let rows = replays.filter { $0.outcome == .applied }.map(\.token.rawValue)
    return EventCommit(
      id: .random(), owner: owner, fences: [claim.fence],
      tables: [CommittedTable(table: table, schemaVersion: 1)],
      files: rows.isEmpty ? [] : [write(rows, of: table)],
      ledger: [
        NewLedgerRow(
          tenant: tenant, table: table,
          counts: LedgerCounts(
            inserted: Int64(rows.count),
            superseded: Int64(replays.count { $0.outcome == .superseded }),
            noOperation: Int64(replays.count { $0.outcome == .noOperation }),
            replayed: Int64(replays.count { $0.settlement != nil })))
      ], deadLetters: [], replays: replays)
  }

  func account(_ tenant: TenantID) async throws -> TenantAccount {
    guard let account = try await catalog.accounts().first(where: { $0.tenant == tenant }) else {
      throw MissingAccount()
    }
    return account
  }
}

struct MissingAccount: Error {}

extension LetterStanding {
  var revision: Int64? {
    if case .open(let revision, _, _, _) = self { revision } else { nil }
  }

  var isWanted: Bool {
    if case .open(_, let isWanted, _, _) = self { isWanted } else { false }
  }

  var settlement: LetterSettlement? {
    if case .settled(let letter) = self { letter.settlement } else { nil }
  }
}
