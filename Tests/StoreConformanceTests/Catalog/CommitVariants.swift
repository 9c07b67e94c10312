import Catalog
import Consistency
import Model

/// What may happen to a claim between its reading and its commit.
enum LostClaim: CaseIterable {
  case leaseExpired, leaseStolen, leaseTakenAgainBySelf, released, requeued, committedAlready
  case committedByThief, otherOwner, olderEpoch, beyondHead
}

/// A commit whose parts do not agree: each a bug that must not reach the lake.
enum Contradiction: CaseIterable {
  case tokensUnaccounted, tokensOverAccounted, moreRowsThanLedger, rowsOfTheOtherTable
  case fileOfAnUnledgeredTable, fileOfATableNotNamed, ledgerOfAForeignTable
  case ledgerOfATenantWithoutFence, deadLetterMissing, deadLetterOfAnotherToken, negativeCount
  case tenantTwice, ledgerRowTwice, nothingAtAll

  func apply(
    to commit: EventCommit, table: TableRecord, other: TableRecord, foreign: TableRecord, lab: Lab
  ) -> EventCommit {
    func ledger(_ table: TableRecord, _ counts: LedgerCounts) -> NewLedgerRow {
      NewLedgerRow(tenant: table.tenant, table: table.id, counts: counts)
    }
    let two = LedgerCounts(inserted: 2, deadLettered: 1)
    let one = LedgerCounts(inserted: 1)
    let letter = commit.deadLetters[0]
    switch self {
    case .tokensUnaccounted:
      return commit.replacing(ledger: [ledger(table, two)])
    case .tokensOverAccounted:
      return commit.replacing(
        ledger: [ledger(table, two), ledger(other, LedgerCounts(inserted: 1, noOperation: 1))])
    case .moreRowsThanLedger:
      return commit.replacing(files: commit.files + [lab.write([9], of: table.id)])
    case .rowsOfTheOtherTable:
      return commit.replacing(
        files: [lab.write([1], of: table.id), lab.write([2, 4], of: other.id)])
    case .fileOfAnUnledgeredTable:
      return commit.replacing(
        tables: commit.tables + [CommittedTable(table: foreign.id, schemaVersion: 1)],
        files: commit.files + [lab.write([9], of: foreign.id)])
    case .fileOfATableNotNamed:
      return commit.replacing(tables: [CommittedTable(table: table.id, schemaVersion: 1)])
    case .ledgerOfAForeignTable:
      return commit.replacing(
        tables: [
          CommittedTable(table: table.id, schemaVersion: 1),
          CommittedTable(table: foreign.id, schemaVersion: 1),
        ],
        files: [commit.files[0], lab.write([4], of: foreign.id)],
        ledger: [
          ledger(table, two),
          NewLedgerRow(tenant: table.tenant, table: foreign.id, counts: one),
        ])
    case .ledgerOfATenantWithoutFence:
      return commit.replacing(ledger: commit.ledger + [ledger(foreign, LedgerCounts())])
    case .deadLetterMissing: return commit.replacing(deadLetters: [])
    case .deadLetterOfAnotherToken:
      return commit.replacing(deadLetters: [
        NewDeadLetter(
          tenant: letter.tenant, table: letter.table, token: VisibilityToken(77),
          schemaVersion: 1, operation: 0, reason: letter.reason, message: letter.message,
          idempotencyKey: letter.idempotencyKey, payload: letter.payload)
      ])
    case .negativeCount:
      return commit.replacing(
        ledger: [
          ledger(table, LedgerCounts(inserted: 2, noOperation: -1, deadLettered: 1)),
          ledger(other, LedgerCounts(inserted: 1, noOperation: 1)),
        ])
    case .tenantTwice: return commit.replacing(fences: commit.fences + commit.fences)
    case .ledgerRowTwice:
      return commit.replacing(
        ledger: [
          ledger(table, LedgerCounts(inserted: 1, deadLettered: 1)), ledger(table, one),
          ledger(other, one),
        ])
    case .nothingAtAll:
      return commit.replacing(fences: [], tables: [], files: [], ledger: [], deadLetters: [])
    }
  }
}

extension EventCommit {
  func replacing(
    owner: OwnerID? = nil, fences: [TenantFence]? = nil,
    tables: [CommittedTable]? = nil, files: [NewDataFile]? = nil,
    deletes: [NewDeleteFile]? = nil,
    ledger: [NewLedgerRow]? = nil, deadLetters: [NewDeadLetter]? = nil,
    replays: [LetterReplay]? = nil, tombstones: [KeyTombstone]? = nil
  ) -> EventCommit {
    EventCommit(
      id: id, owner: owner ?? self.owner, fences: fences ?? self.fences,
      tables: tables ?? self.tables, files: files ?? self.files,
      deletes: deletes ?? self.deletes, ledger: ledger ?? self.ledger,
      deadLetters: deadLetters ?? self.deadLetters, replays: replays ?? self.replays,
      tombstones: tombstones ?? self.tombstones)
  }
}
