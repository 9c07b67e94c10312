import Consistency
import Model

extension EventCommit {
  /// What in the commit does not agree with itself, found without looking at any database: a bug
  /// of whoever made it. Nil for a sound commit.
  ///
  /// Each file's table is named and accounted for; each table's files hold exactly the rows, and
  /// the
  /// dead letters are exactly those, that its ledger row says.
  package var contradiction: String? {
    let fenceOfTenant = Dictionary(fences.map { ($0.tenant, $0) }) { first, _ in first }
    let rowOfTable = Dictionary(ledger.map { ($0.table, $0) }) { first, _ in first }
    guard !fences.isEmpty else { return "no tenant" }
    guard fenceOfTenant.count == fences.count else { return "a tenant twice" }
    guard rowOfTable.count == ledger.count else { return "a table twice in the ledger" }
    guard ledger.allSatisfy({ fenceOfTenant[$0.tenant] != nil }) else {
      return "a ledger row without its tenant's fence"
    }
    guard ledger.allSatisfy({ $0.counts.hasNoNegative }) else { return "a negative count" }
    return fileContradiction(rowOfTable) ?? deleteContradiction(rowOfTable)
      ?? deadLetterContradiction(rowOfTable, fenceOfTenant: fenceOfTenant)
      ?? replayContradiction(rowOfTable, fenceOfTenant: fenceOfTenant)
  }

  private func fileContradiction(_ rowOfTable: [TableID: NewLedgerRow]) -> String? {
    let named = Set(tables.map(\.table))
    var rows: [TableID: Int64] = [:]
    for file in files {
      guard named.contains(file.table), rowOfTable[file.table] != nil else {
        return "a file of a table that is not accounted for"
      }
      rows[file.table, default: 0] += file.recordCount
    }
    for row in ledger where row.counts.inserted != rows[row.table, default: 0] {
      return "\(row.counts.inserted) rows in a table's ledger,"
        + " \(rows[row.table, default: 0]) in its files"
    }
    return nil
  }

  private func deleteContradiction(_ rowOfTable: [TableID: NewLedgerRow]) -> String? {
    let searched = Set(tables.filter { $0.liveFiles != nil }.map(\.table))
    guard Set(tables.map(\.table)).count == tables.count else { return "a table named twice" }
    guard Set(deletes.map(\.dataFile)).count == deletes.count else {
      return "two delete files over one data file"
    }
    for file in deletes {
      guard searched.contains(file.table), rowOfTable[file.table] != nil else {
        return "deletes of a table that was not searched or is not accounted for"
      }
    }
    for row in ledger {
      // Each event removes one key at most, and one that deletes removes one. A key is one row,
      // unless another program has written it more than once: all its rows go then.
      guard row.counts.deleted <= row.removedKeys,
        row.removedKeys <= row.counts.inserted + row.counts.deleted
      else { return "\(row.removedKeys) keys removed by \(row.counts.applied) events" }
      guard row.removedKeys <= row.removedRows, (row.removedKeys > 0) == (row.removedRows > 0)
      else { return "\(row.removedRows) rows of \(row.removedKeys) keys removed" }
      guard row.removedRows == 0 || deletes.contains(where: { $0.table == row.table }) else {
        return "rows removed without a delete file"
      }
    }
    return nil
  }

  /// What the snapshot changes, in DuckLake's words, by table.
  package var changes: [String] {
    let inserted = Set(files.map(\.table.rawValue)).sorted()
    let deleted = Set(deletes.map(\.table.rawValue)).sorted()
    return inserted.map { "inserted_into_table:\($0)" }
      + deleted.map { "deleted_from_table:\($0)" }
  }

  private func deadLetterContradiction(
    _ rowOfTable: [TableID: NewLedgerRow], fenceOfTenant: [TenantID: TenantFence]
  ) -> String? {
    var letters: [TableID: Int64] = [:]
    for letter in deadLetters {
      guard rowOfTable[letter.table]?.tenant == letter.tenant,
        let fence = fenceOfTenant[letter.tenant], letter.token > fence.from,
        letter.token <= fence.to
      else { return "a dead letter that the commit does not pass" }
      letters[letter.table, default: 0] += 1
    }
    for row in ledger where row.counts.deadLettered != letters[row.table, default: 0] {
      return "\(row.counts.deadLettered) dead letters in a table's ledger,"
        + " \(letters[row.table, default: 0]) given"
    }
    return nil
  }

  /// Each letter is passed already, is there once, and what became of it is in its table's counts.
  private func replayContradiction(
    _ rowOfTable: [TableID: NewLedgerRow], fenceOfTenant: [TenantID: TenantFence]
  ) -> String? {
    guard Set(replays.map(\.letter)).count == replays.count else { return "a letter twice" }
    var became: [TableID: LedgerCounts] = [:]
    for replay in replays {
      guard let fence = fenceOfTenant[replay.tenant], replay.token <= fence.from,
        rowOfTable[replay.table]?.tenant == replay.tenant
      else { return "a replay of a letter that is not passed or not accounted for" }
      guard replay.settlement != nil else { continue }
      became[replay.table, default: .init()] =
        became[replay.table, default: .init()] + replay.counts
    }
    for row in ledger {
      let replayed = became[row.table] ?? LedgerCounts()
      guard row.counts.replayed == replayed.replayed else {
        return "\(row.counts.replayed) letters replayed in a table's ledger,"
          + " \(replayed.replayed) given"
      }
      guard replayed.inserted <= row.counts.applied, replayed.superseded <= row.counts.superseded,
        replayed.noOperation <= row.counts.noOperation
      else { return "letters replayed that are not among a table's events" }
    }
    let searched = Set(tables.filter { $0.liveFiles != nil }.map(\.table))
    guard tombstones.allSatisfy({ searched.contains($0.table) }) else {
      return "a deleted key of a table that was not searched"
    }
    return nil
  }
}
