import Catalog
import Consistency
import Model

/// What may happen to a table's files between the look for keys and the commit.
enum LiveSetChange: CaseIterable {
  case rewritten, merged, outsideDelete, outsideInsert, outsideDeleteOnTop
  /// The commit names another set than the one there is.
  case fileLeftOut, fileThatIsNot, deleteFileLeftOut, otherDeleteFile, nothingSearched
  case deleteOverAFileThatIsNot

  func apply(to commit: EventCommit, table: TableRecord, lab: Lab) async throws -> EventCommit {
    let files = try await lab.catalog.liveFiles(of: table.id).map(\.file)
    let live = Set(files.map(\.live))
    let deleted = files[0].live
    func searched(_ files: Set<LiveFile>) -> EventCommit {
      commit.replacing(
        tables: [CommittedTable(table: table.id, schemaVersion: 1, liveFiles: files)])
    }
    switch self {
    case .rewritten: try await lab.rewrite(table) { [$0[0]] }
    case .merged:
      _ = try await lab.merge(
        table, inputs: Array(files.dropFirst()), owner: OwnerID("merger"))
    case .outsideDelete:
      try await lab.backend.damage(outsideDelete(of: files[1], table: table, lab: lab))
    case .outsideDeleteOnTop:
      try await lab.backend.damage(
        "UPDATE ducklake_delete_file SET end_snapshot = 90 WHERE end_snapshot IS NULL")
      try await lab.backend.damage(outsideDelete(of: files[0], table: table, lab: lab))
    case .outsideInsert:
      let file = lab.write(rows: [.init(token: 99, addedBy: nil, key: "b")], of: table.id)
      try await lab.backend.damage(
        """
        INSERT INTO ducklake_data_file(data_file_id, table_id, begin_snapshot, path, record_count,
          file_size_bytes, row_id_start)
        VALUES (901, \(table.id.rawValue), 3, '\(file.name)', 1, 1, 90)
        """)
    case .fileLeftOut: return searched(live.subtracting([files[2].live]))
    case .fileThatIsNot:
      return searched(live.union([LiveFile(dataFile: 999, deleteFile: nil)]))
    case .deleteFileLeftOut:
      return searched(
        live.subtracting([deleted]).union([LiveFile(dataFile: deleted.dataFile, deleteFile: nil)]))
    case .otherDeleteFile:
      return searched(
        live.subtracting([deleted])
          .union([LiveFile(dataFile: deleted.dataFile, deleteFile: deleted.dataFile)]))
    case .nothingSearched: return searched([])
    case .deleteOverAFileThatIsNot:
      return commit.replacing(deletes: [lab.writeDeletes([0], over: 999, of: table.id)])
    }
    return commit
  }

  /// As another program would delete the first row of a file.
  private func outsideDelete(
    of file: DataFileRecord, table: TableRecord, lab: Lab
  ) -> String {
    let deletes = lab.writeDeletes([0], over: file.id, of: table.id)
    return """
      INSERT INTO ducklake_delete_file(delete_file_id, table_id, begin_snapshot, data_file_id, path,
        delete_count)
      VALUES (900, \(table.id.rawValue), 90, \(file.id), '\(deletes.name)', 1)
      """
  }
}

/// A commit whose delete files do not agree with its ledger or with the lake: each a bug that must
/// not reach the lake.
enum KeyedContradiction: CaseIterable {
  case deletesWithoutTheirLedger, ledgerWithoutItsDeletes, fewerRemovedThanDeleted
  case moreRemovedThanEvents, deleteFileThatDeletesNothingNew, deleteFileBeyondItsRows
  case twoDeleteFilesOverOne, deletesOfATableNotSearched, rowsWithoutALook, tableTwice
  case deletesOfAnotherTable, negativeRemoved, moreKeysThanEvents, moreKeysThanRows
  case rowsWithoutAKey

  func apply(
    to commit: EventCommit, table: TableRecord, other: TableRecord, lab: Lab
  ) -> EventCommit {
    let line = commit.ledger[0]
    let target = commit.deletes[0].dataFile
    func ledger(
      _ counts: LedgerCounts, removed: Int64, keys: Int64? = nil
    ) -> EventCommit {
      commit.replacing(ledger: [
        NewLedgerRow(
          tenant: line.tenant, table: line.table, counts: counts, removedRows: removed,
          removedKeys: keys)
      ])
    }
    func deletes(_ positions: Set<Int>) -> EventCommit {
      commit.replacing(deletes: [lab.writeDeletes(positions, over: target, of: table.id)])
    }
    switch self {
    case .deletesWithoutTheirLedger:
      return ledger(LedgerCounts(inserted: 2, noOperation: 1), removed: 0)
    case .ledgerWithoutItsDeletes: return commit.replacing(deletes: [])
    case .fewerRemovedThanDeleted: return ledger(line.counts, removed: 0)
    case .moreRemovedThanEvents: return ledger(line.counts, removed: 4)
    case .deleteFileThatDeletesNothingNew: return deletes([0])
    case .deleteFileBeyondItsRows: return deletes([0, 1, 2, 3, 4])
    case .twoDeleteFilesOverOne: return commit.replacing(deletes: commit.deletes + commit.deletes)
    case .deletesOfATableNotSearched, .rowsWithoutALook:
      let unsearched = commit.replacing(
        tables: [CommittedTable(table: table.id, schemaVersion: 1)])
      guard self == .rowsWithoutALook else { return unsearched }
      return unsearched.replacing(
        deletes: [],
        ledger: [
          NewLedgerRow(
            tenant: line.tenant, table: line.table,
            counts: LedgerCounts(inserted: 2, noOperation: 1))
        ])
    case .tableTwice: return commit.replacing(tables: commit.tables + commit.tables)
    case .deletesOfAnotherTable:
      return commit.replacing(deletes: [lab.writeDeletes([0], over: target, of: other.id)])
    case .negativeRemoved: return ledger(line.counts, removed: -1)
    case .moreKeysThanEvents: return ledger(line.counts, removed: line.removedRows, keys: 4)
    case .moreKeysThanRows: return ledger(line.counts, removed: line.removedRows, keys: 3)
    case .rowsWithoutAKey:
      return ledger(
        LedgerCounts(inserted: 2, noOperation: 1), removed: line.removedRows, keys: 0)
    }
  }
}
