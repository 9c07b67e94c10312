import Model

/// What a commit claims for one tenant: the right to move the watermark from one token to another.
package struct TenantFence: Sendable, Equatable {
  package let tenant: TenantID
  package let epoch: LeaseEpoch
  /// The watermark on which the batch was built.
  package let from: VisibilityToken
  /// The watermark that the commit establishes.
  package let to: VisibilityToken
  /// How many of the tokens in between are void.
  package let voided: Int64

  package init(
    tenant: TenantID, epoch: LeaseEpoch, from: VisibilityToken, to: VisibilityToken,
    voided: Int64 = 0
  ) {
    self.tenant = tenant
    self.epoch = epoch
    self.from = from
    self.to = to
    self.voided = voided
  }
}

/// What became of one table's events in one commit.
///
/// The counts together are the events of that table with tokens in `fence.from + 1 … fence.to`;
/// void tokens have none.
package struct LedgerCounts: Sendable, Equatable {
  /// Events whose row is in the files that the commit adds.
  package var inserted: Int64
  /// Events that took a row of the lake away and put none in its place.
  package var deleted: Int64
  /// Events that a later one of the same primary key in the batch made void.
  package var superseded: Int64
  package var noOperation: Int64
  package var deadLettered: Int64
  /// Dead letters of earlier commits that became one of the first four in this one: each is counted
  /// there again, under the token that was passed long ago.
  package var replayed: Int64

  package init(
    inserted: Int64 = 0, deleted: Int64 = 0, superseded: Int64 = 0, noOperation: Int64 = 0,
    deadLettered: Int64 = 0, replayed: Int64 = 0
  ) {
    self.inserted = inserted
    self.deleted = deleted
    self.superseded = superseded
    self.noOperation = noOperation
    self.deadLettered = deadLettered
    self.replayed = replayed
  }

  /// The tokens that the commit passes.
  package var total: Int64 { applied + superseded + noOperation + deadLettered - replayed }

  /// Events that changed what a table shows.
  package var applied: Int64 { inserted + deleted }

  /// Whether any of the events of a keyed table became what it did because of what the lake held.
  package var dependsOnKeys: Bool { inserted + deleted + noOperation + replayed > 0 }

  package var hasNoNegative: Bool {
    min(inserted, deleted, superseded, noOperation, deadLettered, replayed) >= 0
  }

  package static func + (left: Self, right: Self) -> Self {
    Self(
      inserted: left.inserted + right.inserted, deleted: left.deleted + right.deleted,
      superseded: left.superseded + right.superseded,
      noOperation: left.noOperation + right.noOperation,
      deadLettered: left.deadLettered + right.deadLettered,
      replayed: left.replayed + right.replayed)
  }
}

/// The rules that every commit of events is held against inside its transaction.
package enum CommitRules {
  package enum Refusal: Sendable, Equatable {
    /// The lease is not held any more, or another commit has moved the watermark.
    case fenced
    /// The ledger does not account for exactly the tokens that the watermark passes.
    case unaccountedTokens(expected: Int64, found: Int64)
    /// The rows of the files differ from the rows that the ledger says were inserted.
    case rowsDiffer(ledger: Int64, files: Int64)
  }

  /// Checks one tenant's part of a commit against the state read under lock.
  ///
  /// - Parameters:
  ///   - watermark: the tenant's committed watermark.
  ///   - head: the tenant's last issued token.
  ///   - voids: the tenant's void tokens.
  ///   - ledger: what the commit says became of the events, summed over the tenant's tables.
  ///   - fileRows: rows in the files the commit adds for the tenant.
  package static func check(
    _ fence: TenantFence, owner: OwnerID, lease: LeaseState, watermark: VisibilityToken,
    head: VisibilityToken, voids: VoidRanges = .none, ledger: LedgerCounts, fileRows: Int64,
    now: Timestamp
  ) -> Refusal? {
    guard LeaseRules.isHeld(lease, by: owner, epoch: fence.epoch, now: now),
      watermark == fence.from, fence.to >= fence.from, fence.to <= head,
      // What the batch was built on says otherwise about void tokens: somebody adopted the lake.
      fence.voided == voids.count(after: fence.from, through: fence.to),
      !voids.contains(fence.to.advanced(by: 1))
    else { return .fenced }
    return account(fence, ledger: ledger, fileRows: fileRows)
  }

  /// The part of `check` that needs nothing but the commit itself.
  package static func account(
    _ fence: TenantFence, ledger: LedgerCounts, fileRows: Int64
  ) -> Refusal? {
    let passed = fence.to.rawValue - fence.from.rawValue - fence.voided
    guard ledger.total == passed else {
      return .unaccountedTokens(expected: passed, found: ledger.total)
    }
    guard ledger.inserted == fileRows else {
      return .rowsDiffer(ledger: ledger.inserted, files: fileRows)
    }
    return nil
  }

  /// A snapshot's time: the clock's, but always later than the snapshot before it.
  package static func snapshotTime(now: Timestamp, previous: Timestamp) -> Timestamp {
    max(now, Timestamp(microseconds: previous.microseconds + 1))
  }
}
