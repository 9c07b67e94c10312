import Catalog
import Consistency
import LakeTables
import Model
import Runtime
import SQLite

extension SQLiteCatalog {
  package func commit(_ rewrite: RewriteCommit) async throws(CommitError) -> CommitReceipt {
    if let contradiction = rewrite.contradiction { throw .inconsistent(reason: contradiction) }
    let clock = database.clock
    return try await database.write(failure: CommitError.init) {
      (connection) throws(CommitError) in
      try RewriteTransaction(rewrite: rewrite, clock: clock, connection: connection).run()
    }
  }
}

/// One rewrite inside its transaction: the inputs end, and the output takes their place from the
/// snapshot of the commit on.
private struct RewriteTransaction {
  let rewrite: RewriteCommit
  let clock: CatalogClock
  let connection: SQLiteConnection

  func run() throws(CommitError) -> CommitReceipt {
    try TableLeaseRow.check(
      rewrite.table, owner: rewrite.owner, epoch: rewrite.epoch, now: clock.lease(), connection)
    let rewrite = rewrite
    let (isSameSchema, isUnchanged) = try mapping(CommitError.init) { () throws(SQLiteError) in
      (try isSchemaUnchanged(), try areInputsUnchanged())
    }
    guard isSameSchema else { throw .tablesChanged([rewrite.table]) }
    guard isUnchanged else { throw .filesChanged }
    return try mapping(CommitError.init) { () throws(SQLiteError) in
      var head = try LakeHead.read(connection)
      head.advance(now: clock.wall())
      try endInputs(at: head.snapshot)
      if let output = rewrite.output { try insert(output, head: &head) }
      try updateTableStatistics()
      try CommitRow.insert(rewrite.id, head: head, now: clock.wall(), connection)
      try head.write(
        changes: ["rewrite_delete:\(rewrite.table.rawValue)"], author: "duckmesh",
        extra: "{\"commit\":\"\(rewrite.id.rawValue)\"}", connection)
      try carryWatermark(to: head)
      CrashPoint.insideRewrite.reached()
      return CommitReceipt(snapshot: head.snapshot, time: head.time)
    }
  }

  /// The snapshot becomes the tenant's newest: queries read the new file at once, and the old ones
  /// can expire without an event that comes after.
  private func carryWatermark(to head: LakeHead) throws(SQLiteError) {
    let row = try connection.statement("SELECT tenant_id FROM duckmesh_table WHERE table_id = ?")
      .bind(rewrite.table.rawValue, at: 1)
    guard try row.step() else { throw .corrupt(message: "a rewritten table without a tenant") }
    let tenant = TenantID(row.int64(0))
    row.reset()
    try SQLiteCatalog.carryWatermark(of: tenant, to: head, connection)
  }

  private func isSchemaUnchanged() throws(SQLiteError) -> Bool {
    guard let version = rewrite.schemaVersion else { return true }
    let row = try connection.statement(
      "SELECT schema_version FROM duckmesh_table WHERE table_id = ?"
    ).bind(rewrite.table.rawValue, at: 1)
    defer { row.reset() }
    return try row.step() && row.int64(0) == version
  }

  /// Every input must be live and as it was read, with the same delete file over it.
  private func areInputsUnchanged() throws(SQLiteError) -> Bool {
    for input in rewrite.inputs {
      let row = try connection.statement(
        """
        SELECT f.record_count, f.partial_max, f.begin_snapshot, d.delete_file_id, d.delete_count
        FROM ducklake_data_file f LEFT JOIN ducklake_delete_file d
          ON d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL
        WHERE f.data_file_id = ?1 AND f.table_id = ?2 AND f.end_snapshot IS NULL
        """
      ).bind(input.id, at: 1).bind(rewrite.table.rawValue, at: 2)
      defer { row.reset() }
      guard try row.step(), row.int64(0) == input.recordCount,
        row.optionalInt64(1) == input.partialMaximum?.rawValue,
        row.int64(2) == input.begin.rawValue, row.optionalInt64(3) == input.deletes?.id,
        row.optionalInt64(4) == input.deletes?.deleteCount
      else { return false }
    }
    return true
  }

  private func endInputs(at snapshot: SnapshotID) throws(SQLiteError) {
    for input in rewrite.inputs {
      try DeleteFileRows.end(of: input.id, at: snapshot, connection)
      try connection.statement(
        "UPDATE ducklake_data_file SET end_snapshot = ?2 WHERE data_file_id = ?1"
      ).bind(input.id, at: 1).bind(snapshot.rawValue, at: 2).run()
    }
  }

  private func insert(_ output: NewDataFile, head: inout LakeHead) throws(SQLiteError) {
    let id = head.takeFileID()
    try DataFileRows.insertRow(
      output, id: id, begin: head.snapshot, rowIDStart: rewrite.rowIDStart, partialMaximum: nil,
      connection)
    try DataFileRows.insertStatistics(output, id: id, connection)
    if let deletes = rewrite.outputDeletes {
      try DeleteFileRows.insert(deletes, over: id, head: &head, connection)
    }
  }

  private func updateTableStatistics() throws(SQLiteError) {
    let rows = rewrite.inputs.reduce(0) { $0 + $1.recordCount }
    let bytes = rewrite.inputs.reduce(0) { $0 + $1.byteCount }
    try connection.statement(
      """
      UPDATE ducklake_table_stats SET record_count = record_count + ?2,
        file_size_bytes = file_size_bytes + ?3 WHERE table_id = ?1
      """
    ).bind(rewrite.table.rawValue, at: 1).bind((rewrite.output?.recordCount ?? 0) - rows, at: 2)
      .bind((rewrite.output?.byteCount ?? 0) - bytes, at: 3).run()
  }
}
