import Consistency
import Model

/// Which dead letters are meant; what is nil does not narrow.
package struct DeadLetterFilter: Sendable, Equatable {
  package var ids: [Int64]?
  package var tokens: [VisibilityToken]?
  package var tokenRange: ClosedRange<VisibilityToken>?
  /// A table's name in any case, dropped tables included.
  package var tableName: String?
  package var reason: String?

  package init(
    ids: [Int64]? = nil, tokens: [VisibilityToken]? = nil,
    tokenRange: ClosedRange<VisibilityToken>? = nil, tableName: String? = nil,
    reason: String? = nil
  ) {
    self.ids = ids
    self.tokens = tokens
    self.tokenRange = tokenRange
    self.tableName = tableName
    self.reason = reason
  }

  package static let all = DeadLetterFilter()
}

/// Asks that one dead letter be tried again.
package struct ReplayRequest: Sendable, Equatable {
  package let letter: Int64
  /// What takes the place of the letter's payload; nil for the payload as it is.
  package let payload: [UInt8]?
  /// The table's schema version that the edge has held the payload against.
  package let schemaVersion: Int64

  package init(letter: Int64, payload: [UInt8]?, schemaVersion: Int64) {
    self.letter = letter
    self.payload = payload
    self.schemaVersion = schemaVersion
  }
}

/// How a dead letter stands.
package enum LetterStanding: Sendable, Equatable {
  /// `revision` is the number of the newest request to replay it.
  case open(revision: Int64, isWanted: Bool, reason: String, message: String)
  case settled(SettledLetter)

  /// Why the event is no row and will be none by itself; nil for one that was replayed.
  package var reason: String? {
    switch self {
    case .open(_, _, let reason, _): reason
    case .settled(let letter): letter.settlement == .discarded ? Self.discarded : nil
    }
  }

  /// The reason of an event that somebody gave up.
  package static let discarded = "DISCARDED"

  /// Whether a snapshot shows all that there is to show of the event.
  package func isShown(at snapshot: SnapshotID) -> Bool {
    guard case .settled(let letter) = self, let first = letter.snapshot else { return true }
    return first <= snapshot
  }
}

/// A dead letter that is none any more.
package struct SettledLetter: Sendable, Equatable {
  package let id: Int64
  package let token: VisibilityToken
  package let settlement: LetterSettlement
  /// The first snapshot that shows it; nil for one that was discarded.
  package let snapshot: SnapshotID?

  package init(
    id: Int64, token: VisibilityToken, settlement: LetterSettlement, snapshot: SnapshotID?
  ) {
    self.id = id
    self.token = token
    self.settlement = settlement
    self.snapshot = snapshot
  }
}

/// How the letters of a range of tokens ended.
package struct SettledRange: Sendable, Equatable {
  /// Those with the lowest tokens.
  package let discarded: [SettledLetter]
  /// The first snapshot that shows all that were replayed; nil when none was.
  package let newestSnapshot: SnapshotID?

  package init(discarded: [SettledLetter], newestSnapshot: SnapshotID?) {
    self.discarded = discarded
    self.newestSnapshot = newestSnapshot
  }
}

/// How a dead letter ended; the texts are stored.
package enum LetterSettlement: String, Sendable, CaseIterable {
  /// It wrote or deleted its row.
  case applied
  /// A later event of the same primary key had decided already.
  case superseded
  /// A delete of a key that was not there.
  case noOperation = "no_operation"
  /// Somebody gave it up.
  case discarded
}

/// A dead letter that a coordinator has taken to replay.
package struct ClaimedLetter: Sendable, Equatable {
  package let id: Int64
  package let table: TableID
  package let token: VisibilityToken
  /// The request that is carried out; a commit is refused when another has come since.
  package let revision: Int64
  package let schemaVersion: Int64
  package let operation: UInt8
  package let idempotencyKey: [UInt8]
  /// The corrected payload where there is one.
  package let payload: [UInt8]

  package init(
    id: Int64, table: TableID, token: VisibilityToken, revision: Int64, schemaVersion: Int64,
    operation: UInt8, idempotencyKey: [UInt8], payload: [UInt8]
  ) {
    self.id = id
    self.table = table
    self.token = token
    self.revision = revision
    self.schemaVersion = schemaVersion
    self.operation = operation
    self.idempotencyKey = idempotencyKey
    self.payload = payload
  }
}

/// A tenant under lease with dead letters to replay, by ascending token.
package struct ReplayClaim: Sendable, Equatable {
  /// From the tenant's watermark to the same: a replay moves nothing.
  package let fence: TenantFence
  package let letters: [ClaimedLetter]

  package init(fence: TenantFence, letters: [ClaimedLetter]) {
    self.fence = fence
    self.letters = letters
  }
}

/// What a commit made of a dead letter.
package struct LetterReplay: Sendable, Equatable {
  package enum Outcome: Sendable, Equatable {
    case applied
    case superseded
    case noOperation
    /// It stays where it is, and nobody waits for it any more.
    case refused(reason: String, message: String)
  }

  package let letter: Int64
  package let tenant: TenantID
  package let table: TableID
  package let token: VisibilityToken
  package let revision: Int64
  package let outcome: Outcome

  package init(
    letter: Int64, tenant: TenantID, table: TableID, token: VisibilityToken, revision: Int64,
    outcome: Outcome
  ) {
    self.letter = letter
    self.tenant = tenant
    self.table = table
    self.token = token
    self.revision = revision
    self.outcome = outcome
  }

  /// Nil for a letter that stays one.
  package var settlement: LetterSettlement? {
    switch outcome {
    case .applied: .applied
    case .superseded: .superseded
    case .noOperation: .noOperation
    case .refused: nil
    }
  }

  /// What it adds to its table's ledger; an applied one counts as inserted here.
  var counts: LedgerCounts {
    switch outcome {
    case .applied: LedgerCounts(inserted: 1, replayed: 1)
    case .superseded: LedgerCounts(superseded: 1, replayed: 1)
    case .noOperation: LedgerCounts(noOperation: 1, replayed: 1)
    case .refused: LedgerCounts()
    }
  }
}

/// A primary key that was deleted while a dead letter with a lower token was open: without it, a
/// replay of that letter would bring the row back.
package struct KeyTombstone: Sendable, Equatable {
  package static let hashLength = 32

  package let table: TableID
  /// SHA-256 over the key's values.
  package let keyHash: [UInt8]
  /// Of the event that deleted it.
  package let token: VisibilityToken

  package init(table: TableID, keyHash: [UInt8], token: VisibilityToken) {
    self.table = table
    self.keyHash = keyHash
    self.token = token
  }
}

/// The dead letters: read, asked for again, given up.
///
/// A letter is open from the commit that made it until a commit replays it or somebody discards it;
/// then it is settled, and how it ended is kept. A request to replay is durable: it stands in the
/// letter's row until a commit under the tenant's lease has carried it out, in whichever process.
package protocol DeadLetterCatalog: Sendable {
  /// Open dead letters after `id`, in the order in which they came.
  func deadLetters(
    tenant: TenantID, matching filter: DeadLetterFilter, after id: Int64?, limit: Int
  ) async throws(CatalogError) -> [DeadLetterRecord]

  /// How the tenant's letters of these ids stand; ids that it has none of are left out.
  func standings(
    of ids: [Int64], tenant: TenantID
  ) async throws(CatalogError) -> [Int64: LetterStanding]

  /// How the letters of these tokens stand; tokens whose event never was one are left out.
  func standings(
    of tokens: [VisibilityToken], tenant: TenantID
  ) async throws(CatalogError) -> [VisibilityToken: LetterStanding]

  /// How the letters of a range of tokens ended.
  ///
  /// - Parameter limit: discarded letters.
  func settledLetters(
    in range: ClosedRange<VisibilityToken>, tenant: TenantID, limit: Int
  ) async throws(CatalogError) -> SettledRange

  /// Asks that letters be replayed. A request that stands already is kept, with its number; another
  /// payload takes its place under the next number.
  ///
  /// - Returns: how each letter stands afterwards; ids that the tenant has none of are left out.
  func requestReplays(
    _ requests: [ReplayRequest], tenant: TenantID
  ) async throws(CatalogError) -> [Int64: LetterStanding]

  /// Gives an open letter up; one that is settled stays as it is.
  ///
  /// - Returns: how it ended; nil for an id that the tenant has no letter of.
  func discard(letter id: Int64, tenant: TenantID) async throws(CatalogError) -> SettledLetter?

  /// The tenants with letters that wait to be replayed.
  func tenantsWithReplays() async throws(CatalogError) -> [TenantID]

  /// Leases a tenant whose letters wait to be replayed, as a claim of its events would, and reads
  /// the letters with the lowest tokens.
  ///
  /// - Parameters:
  ///   - limit: letters.
  ///   - byteLimit: bytes of payloads; the first letter is always handed out.
  /// - Returns: nil when no letter waits or another owner's lease is live.
  func claimReplays(
    of tenant: TenantID, owner: OwnerID, limit: Int, byteLimit: Int, leaseMs: Int
  ) async throws(CatalogError) -> ReplayClaim?

  /// Whether a table has an open dead letter.
  ///
  /// Only commits under the tenant's lease make letters, so whoever holds it may rely on a `false`
  /// until its own next commit.
  func hasOpenLetters(table: TableID) async throws(CatalogError) -> Bool

  /// Those of the given keys that were deleted while a letter was open.
  func tombstones(
    of table: TableID, keys: [[UInt8]]
  ) async throws(CatalogError) -> [KeyTombstone]
}

extension DeadLetterCatalog {
  /// Open dead letters after `id`, optionally of given tokens only.
  package func deadLetters(
    tenant: TenantID, tokens: [VisibilityToken]?, after id: Int64?, limit: Int
  ) async throws(CatalogError) -> [DeadLetterRecord] {
    try await deadLetters(
      tenant: tenant, matching: DeadLetterFilter(tokens: tokens), after: id, limit: limit)
  }
}
