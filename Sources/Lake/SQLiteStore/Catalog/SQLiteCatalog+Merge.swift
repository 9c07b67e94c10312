import Catalog
import Consistency
import LakeTables
import Model
import Runtime
import SQLite

extension SQLiteCatalog {
  package func commit(_ merge: MergeCommit) async throws(CommitError) -> CommitReceipt {
    let clock = database.clock
    return try await database.write(failure: CommitError.init) {
      (connection) throws(CommitError) in
      try MergeTransaction(merge: merge, clock: clock, connection: connection).run()
    }
  }
}

/// One merge inside its transaction: the inputs' rows go, the output takes their place from the
/// oldest snapshot on, and nothing that any snapshot shows changes.
private struct MergeTransaction {
  let merge: MergeCommit
  let clock: CatalogClock
  let connection: SQLiteConnection

  func run() throws(CommitError) -> CommitReceipt {
    if let contradiction = merge.contradiction { throw .inconsistent(reason: contradiction) }
    guard merge.output.table == merge.table,
      Set(merge.inputs.map(\.id)).count == merge.inputs.count
    else { throw .inconsistent(reason: "an input twice, or an output of another table") }
    try TableLeaseRow.check(
      merge.table, owner: merge.owner, epoch: merge.epoch, now: clock.lease(), connection)
    try checkInputs()
    let rows = merge.inputs.reduce(0) { $0 + $1.recordCount }
    guard rows == merge.output.recordCount, let first = merge.inputs.map(\.begin).min(),
      let last = merge.inputs.map({ $0.partialMaximum ?? $0.begin }).max()
    else {
      throw .inconsistent(reason: "\(rows) rows read, \(merge.output.recordCount) written")
    }
    let merge = merge
    return try mapping(CommitError.init) { () throws(SQLiteError) in
      var head = try LakeHead.read(connection)
      head.advance(now: clock.wall())
      for input in merge.inputs {
        try DataFileRows.schedule(id: input.id, path: input.path, now: clock.wall(), connection)
        try DataFileRows.delete(id: input.id, connection)
      }
      let id = head.takeFileID()
      try DataFileRows.insertRow(
        merge.output, id: id, begin: first, rowIDStart: merge.rowIDStart, partialMaximum: last,
        connection)
      try DataFileRows.insertStatistics(merge.output, id: id, connection)
      try updateTableSize()
      try CommitRow.insert(merge.id, head: head, now: clock.wall(), connection)
      try head.write(
        // The only word for a merge that other writers take for a conflict.
        changes: ["merge_adjacent:\(merge.table.rawValue)"], author: "duckmesh",
        extra: "{\"commit\":\"\(merge.id.rawValue)\"}", connection)
      CrashPoint.insideMerge.reached()
      return CommitReceipt(snapshot: head.snapshot, time: head.time)
    }
  }

  /// Every input must be live and untouched, with no deletes that the output does not know.
  private func checkInputs() throws(CommitError) {
    let merge = merge
    let unchanged = try mapping(CommitError.init) { () throws(SQLiteError) in
      for input in merge.inputs {
        let row = try connection.statement(
          """
          SELECT f.record_count, f.partial_max, f.begin_snapshot FROM ducklake_data_file f
          WHERE f.data_file_id = ?1 AND f.table_id = ?2 AND f.end_snapshot IS NULL
            AND NOT EXISTS (SELECT 1 FROM ducklake_delete_file d WHERE d.data_file_id = ?1)
          """
        ).bind(input.id, at: 1).bind(merge.table.rawValue, at: 2)
        defer { row.reset() }
        guard try row.step(), row.int64(0) == input.recordCount,
          row.optionalInt64(1) == input.partialMaximum?.rawValue,
          row.int64(2) == input.begin.rawValue
        else { return false }
      }
      return true
    }
    guard unchanged else { throw .filesChanged }
  }

  private func updateTableSize() throws(SQLiteError) {
    let before = merge.inputs.reduce(0) { $0 + $1.byteCount }
    try connection.statement(
      "UPDATE ducklake_table_stats SET file_size_bytes = file_size_bytes + ? WHERE table_id = ?"
    ).bind(merge.output.byteCount - before, at: 1).bind(merge.table.rawValue, at: 2).run()
  }
}
