import Consistency
import Model

extension ModelStore {
  /// The number of a commit that is about to be sent.
  mutating func newCommit() -> Int {
    commits.append(nil)
    return commits.count - 1
  }

  mutating func commit(_ commit: ModelCommit) -> ModelCommitOutcome {
    var lost: [TenantID] = []
    for fence in commit.fences {
      switch check(fence, of: commit) {
      case nil: break
      case .fenced:
        lost.append(fence.tenant)
        if tenants[Int(fence.tenant.rawValue)].lease.epoch == fence.epoch,
          tenants[Int(fence.tenant.rawValue)].lease.leasedUntil > now
        {
          oracle.reach(.commitFencedByItsWatermark)
        }
      case .unaccountedTokens(let expected, let found):
        return .inconsistent("\(expected) tokens passed, \(found) accounted for")
      case .rowsDiffer(let ledger, let rows):
        return .inconsistent("\(ledger) rows in the ledger, \(rows) in the files")
      }
    }
    guard lost.isEmpty else {
      oracle.reach(lost.count < commit.fences.count ? .commitFencedInPart : .commitFenced)
      return .fenced(lost)
    }
    let changed = commit.parts.filter { part in
      guard let version = part.schemaVersion else { return false }
      return tables[part.table].droppedAt != nil || tables[part.table].schemaVersion != version
    }
    guard changed.isEmpty else {
      oracle.reach(.commitOfAChangedTable)
      return .tablesChanged(changed.map { TableID(Int64($0.table)) })
    }
    oracle.committing(commit, in: self)
    for fence in commit.fences {
      let tenant = Int(fence.tenant.rawValue)
      tenants[tenant].watermark =
        planted == .watermarkOverAGap ? tenants[tenant].head : Int(fence.to.rawValue)
    }
    addSnapshot()
    for part in commit.parts { apply(part) }
    commits[commit.id] = latest
    oracle.committed(commit, in: self)
    if commit.fences.count > 1 { oracle.reach(.severalTenantsInACommit) }
    if commit.parts.count > commit.fences.count { oracle.reach(.severalTablesInACommit) }
    account(for: commit)
    return .applied(snapshot: latest)
  }

  private func check(_ fence: TenantFence, of commit: ModelCommit) -> CommitRules.Refusal? {
    let tenant = Int(fence.tenant.rawValue)
    let row = tenants[tenant]
    var ledger = LedgerCounts()
    var fileRows: Int64 = 0
    for part in commit.parts where part.tenant == tenant {
      ledger.inserted += Int64(part.rows.nonzeroBitCount)
      ledger.deadLettered += Int64(part.deadLetters.nonzeroBitCount)
      if let file = part.file { fileRows += Int64(files[file].rows.nonzeroBitCount) }
    }
    let lease =
      planted == .noEpochCheckAtCommit
      ? LeaseState(
        epoch: fence.epoch, owner: commit.owner, leasedUntil: now.adding(milliseconds: 1))
      : row.lease
    return CommitRules.check(
      fence, owner: commit.owner, lease: lease,
      watermark: VisibilityToken(Int64(row.watermark)), head: VisibilityToken(Int64(row.head)),
      ledger: ledger, fileRows: fileRows, now: now)
  }

  private mutating func apply(_ part: ModelPart) {
    if let file = part.file { files[file].namedAt = latest }
    var letters = part.deadLetters
    while letters != 0 {
      let bit = letters.trailingZeroBitCount
      tenants[part.tenant].events[part.base + bit].isDeadLetter = true
      letters &= letters - 1
      oracle.reach(.eventDeadLettered)
    }
  }

  /// Waits for nothing, as transactions are atomic here; fences off what has not arrived.
  mutating func resolve(_ commit: ModelCommit) -> Int? {
    for fence in commit.fences {
      let tenant = Int(fence.tenant.rawValue)
      if let resolved = LeaseRules.resolved(
        tenants[tenant].lease, owner: commit.owner, epoch: fence.epoch)
      {
        write(resolved, of: tenant)
      }
    }
    return commits[commit.id]
  }

  /// A file arrives in the object store, perhaps after its writer has died.
  mutating func put(_ file: Int) { files[file].isStored = true }

  mutating func delete(_ file: Int, byWriter: Bool) {
    oracle.deleting(files[file], byWriter: byWriter)
    oracle.reach(byWriter ? .fileGivenUp : .orphanCollected)
    files[file].isStored = false
  }

  /// The files that nothing names and nobody can commit any more.
  func orphans(among listed: [Int], epochs: [LeaseEpoch]) -> [Int] {
    listed.filter {
      LeaseRules.isOutlived(files[$0].epoch, current: epochs[files[$0].tenant])
        && files[$0].namedAt == nil
    }
  }
}
