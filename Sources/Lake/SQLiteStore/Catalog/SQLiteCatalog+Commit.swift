import Catalog
import Consistency
import LakeTables
import Model
import Runtime
import SQLite

extension SQLiteCatalog {
  package func commit(_ commit: EventCommit) async throws(CommitError) -> CommitReceipt {
    let clock = database.clock
    return try await database.write(failure: CommitError.init) {
      (connection) throws(CommitError) in
      try EventCommitTransaction(commit: commit, clock: clock, connection: connection).run()
    }
  }

  package func resolve(
    _ id: CommitID, owner: OwnerID, fences: [TenantFence]
  ) async throws(CatalogError) -> CommitReceipt? {
    try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        // The write lock has waited for the commit if it was under way. Raising the epoch refuses
        // it if it has not begun, so what is read next is final.
        for fence in fences {
          guard let row = try ConsumerRow.read(fence.tenant, connection),
            let resolved = LeaseRules.resolved(row.lease, owner: owner, epoch: fence.epoch)
          else { continue }
          try ConsumerRow.writeLease(resolved, tenant: fence.tenant, connection)
        }
        return try CommitRow.receipt(of: id, connection)
      }
    }
  }
}

/// One commit of events inside its transaction.
private struct EventCommitTransaction {
  let commit: EventCommit
  let clock: CatalogClock
  let connection: SQLiteConnection

  func run() throws(CommitError) -> CommitReceipt {
    if let contradiction = commit.contradiction { throw .inconsistent(reason: contradiction) }
    try checkFences()
    try checkTables()
    try checkLedgerTables()
    try checkRemovedRows()
    try checkReplays()
    let commit = commit
    return try mapping(CommitError.init) { () throws(SQLiteError) in
      var head = try LakeHead.read(connection)
      head.advance(now: clock.wall())
      for file in commit.files {
        try DataFileRows.insert(file, head: &head, rowIDStart: nil, connection)
      }
      for deletes in commit.deletes {
        try DeleteFileRows.end(of: deletes.dataFile, at: head.snapshot, connection)
        try DeleteFileRows.insert(deletes, over: deletes.dataFile, head: &head, connection)
      }
      for fence in commit.fences {
        try moveWatermark(fence, head: head)
      }
      for row in commit.ledger { try insertLedger(row, snapshot: head.snapshot) }
      for letter in commit.deadLetters { try insert(letter, snapshot: head.snapshot) }
      try carryOutReplays(snapshot: head.snapshot)
      try CommitRow.insert(commit.id, head: head, now: clock.wall(), connection)
      try head.write(
        changes: commit.changes, author: "duckmesh",
        extra: "{\"commit\":\"\(commit.id.rawValue)\"}", connection)
      CrashPoint.insideCommit.reached()
      return CommitReceipt(snapshot: head.snapshot, time: head.time)
    }
  }

  /// Every tenant must still be ours, at the watermark we built on, and fully accounted for.
  private func checkFences() throws(CommitError) {
    var lost: [TenantID] = []
    let tableTenants = try tenantsOfTables()
    for fence in commit.fences {
      let state = try mapping(CommitError.init) { () throws(SQLiteError) in
        try (
          ConsumerRow.read(fence.tenant, connection), HeadRow.read(fence.tenant, connection),
          VoidRows.read(fence.tenant, connection)
        )
      }
      guard let row = state.0, let head = state.1 else {
        lost.append(fence.tenant)
        continue
      }
      let counts = commit.ledger.filter { $0.tenant == fence.tenant }
        .reduce(LedgerCounts()) { $0 + $1.counts }
      let fileRows = commit.files.filter { tableTenants[$0.table] == fence.tenant }
        .reduce(0) { $0 + $1.recordCount }
      let refusal = CommitRules.check(
        fence, owner: commit.owner, lease: row.lease, watermark: row.watermark, head: head,
        voids: state.2, ledger: counts, fileRows: fileRows, now: clock.lease())
      switch refusal {
      case nil: break
      case .fenced: lost.append(fence.tenant)
      case .unaccountedTokens(let expected, let found):
        throw .inconsistent(reason: "\(expected) tokens passed, \(found) accounted for")
      case .rowsDiffer(let ledger, let files):
        throw .inconsistent(reason: "\(ledger) rows in the ledger, \(files) in the files")
      }
    }
    guard lost.isEmpty else { throw .fenced(lost) }
  }

  private func tenantsOfTables() throws(CommitError) -> [TableID: TenantID] {
    var tenants: [TableID: TenantID] = [:]
    for row in commit.ledger { tenants[row.table] = row.tenant }
    return tenants
  }

  private func checkTables() throws(CommitError) {
    let commit = commit
    let changed = try mapping(CommitError.init) { () throws(SQLiteError) in
      var changed: [TableID] = []
      for made in commit.tables {
        let row = try connection.statement(
          "SELECT schema_version, dropped_snapshot FROM duckmesh_table WHERE table_id = ?"
        ).bind(made.table.rawValue, at: 1)
        defer { row.reset() }
        guard try row.step(), row.isNull(1), row.int64(0) == made.schemaVersion,
          try isAsSearched(made)
        else {
          changed.append(made.table)
          continue
        }
      }
      return changed
    }
    guard changed.isEmpty else { throw .tablesChanged(changed) }
  }

  /// Whether the live files are those among which the batch's keys were looked for: whatever came
  /// since, by whomever, may hold one of them.
  private func isAsSearched(_ made: CommittedTable) throws(SQLiteError) -> Bool {
    guard let searched = made.liveFiles else { return true }
    let live = try DeleteFileRows.live(of: made.table, connection)
    guard Set(live.map(\.file)) == searched else { return false }
    let present = Set(live.map(\.file.dataFile))
    return commit.deletes.allSatisfy { $0.table != made.table || present.contains($0.dataFile) }
  }

  /// A keyed table's rows come with a look for their keys, and its delete files remove what the
  /// ledger says.
  private func checkRemovedRows() throws(CommitError) {
    for made in commit.tables {
      guard let line = commit.ledger.first(where: { $0.table == made.table }) else { continue }
      let (isKeyed, live) = try mapping(CommitError.init) { () throws(SQLiteError) in
        (try self.isKeyed(made.table), try removes(made) ? targets(of: made.table) : [:])
      }
      if isKeyed, made.liveFiles == nil, line.counts.dependsOnKeys {
        throw .inconsistent(reason: "a keyed table's events without a look for their keys")
      }
      let contradiction = RemovedRows.contradiction(
        commit.deletes.filter { $0.table == made.table }, over: live, ledger: line.removedRows)
      if let contradiction { throw .inconsistent(reason: contradiction) }
    }
  }

  private func removes(_ made: CommittedTable) -> Bool {
    commit.deletes.contains { $0.table == made.table }
  }

  private func isKeyed(_ table: TableID) throws(SQLiteError) -> Bool {
    let row = try connection.statement(
      "SELECT primary_key <> '' FROM duckmesh_table WHERE table_id = ?"
    ).bind(table.rawValue, at: 1)
    defer { row.reset() }
    return try row.step() && row.int64(0) != 0
  }

  private func targets(
    of table: TableID
  ) throws(SQLiteError) -> [Int64: RemovedRows.Target] {
    var targets: [Int64: RemovedRows.Target] = [:]
    for file in try DeleteFileRows.live(of: table, connection) {
      targets[file.file.dataFile] = .init(
        rowCount: file.rowCount, deletedBefore: file.deleteCount)
    }
    return targets
  }

  /// A tenant's events are of its own tables, dropped ones included.
  private func checkLedgerTables() throws(CommitError) {
    for row in commit.ledger {
      let isOwn = try mapping(CommitError.init) { () throws(SQLiteError) in
        let found = try connection.statement(
          "SELECT 1 FROM duckmesh_table WHERE table_id = ? AND tenant_id = ?"
        ).bind(row.table.rawValue, at: 1).bind(row.tenant.rawValue, at: 2)
        defer { found.reset() }
        return try found.step()
      }
      guard isOwn else { throw .inconsistent(reason: "a table of another tenant") }
    }
  }

  private func moveWatermark(_ fence: TenantFence, head: LakeHead) throws(SQLiteError) {
    let counts = commit.ledger.filter { $0.tenant == fence.tenant }
      .reduce(LedgerCounts()) { $0 + $1.counts }
    try connection.statement(
      """
      UPDATE duckmesh_consumer SET watermark = ?2, inserted = inserted + ?3,
        superseded = superseded + ?4, no_operation = no_operation + ?5,
        dead_lettered = dead_lettered + ?6, deleted = deleted + ?7, replayed = replayed + ?8
      WHERE tenant_id = ?1
      """
    ).bind(fence.tenant.rawValue, at: 1).bind(fence.to.rawValue, at: 2)
      .bind(counts.inserted, at: 3).bind(counts.superseded, at: 4).bind(counts.noOperation, at: 5)
      .bind(counts.deadLettered, at: 6).bind(counts.deleted, at: 7).bind(counts.replayed, at: 8)
      .run()
    try head.writeWatermark(fence.to, tenant: fence.tenant, connection)
  }

  private func insertLedger(
    _ row: NewLedgerRow, snapshot: SnapshotID
  ) throws(SQLiteError) {
    guard let fence = commit.fences.first(where: { $0.tenant == row.tenant }) else {
      throw .corrupt(message: "a ledger row without its tenant's fence")
    }
    try connection.statement(
      """
      INSERT INTO duckmesh_ledger(tenant_id, table_id, snapshot_id, first_token, last_token,
        inserted, superseded, no_operation, dead_lettered, deleted, removed_rows, replayed,
        table_rows)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?6 - ?11 + coalesce(
        (SELECT table_rows FROM duckmesh_ledger WHERE tenant_id = ?1 AND table_id = ?2
         ORDER BY snapshot_id DESC LIMIT 1), 0))
      """
    ).bind(row.tenant.rawValue, at: 1).bind(row.table.rawValue, at: 2)
      .bind(snapshot.rawValue, at: 3).bind(fence.from.rawValue + 1, at: 4)
      .bind(fence.to.rawValue, at: 5).bind(row.counts.inserted, at: 6)
      .bind(row.counts.superseded, at: 7).bind(row.counts.noOperation, at: 8)
      .bind(row.counts.deadLettered, at: 9).bind(row.counts.deleted, at: 10)
      .bind(row.removedRows, at: 11).bind(row.counts.replayed, at: 12).run()
  }

  private func insert(_ letter: NewDeadLetter, snapshot: SnapshotID) throws(SQLiteError) {
    try connection.statement(
      """
      INSERT INTO duckmesh_dead_letter(tenant_id, table_id, token, snapshot_id, schema_version,
        operation, reason, message, idempotency_key, payload, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """
    ).bind(letter.tenant.rawValue, at: 1).bind(letter.table.rawValue, at: 2)
      .bind(letter.token.rawValue, at: 3).bind(snapshot.rawValue, at: 4)
      .bind(letter.schemaVersion, at: 5).bind(Int64(letter.operation), at: 6)
      .bind(letter.reason, at: 7).bind(letter.message, at: 8).bind(letter.idempotencyKey, at: 9)
      .bind(letter.payload, at: 10).bind(clock.wall().microseconds, at: 11).run()
  }
}

extension EventCommitTransaction {
  /// Each letter must be as it was when it was claimed: nobody has discarded it, and nobody has
  /// asked for it with another payload.
  private func checkReplays() throws(CommitError) {
    let commit = commit
    let changed = try mapping(CommitError.init) { () throws(SQLiteError) in
      var changed: [Int64] = []
      for replay in commit.replays {
        let row = try connection.statement(
          """
          SELECT 1 FROM duckmesh_dead_letter WHERE dead_letter_id = ? AND tenant_id = ?
            AND table_id = ? AND token = ? AND replay_revision = ? AND replay_wanted <> 0
          """
        ).bind(replay.letter, at: 1).bind(replay.tenant.rawValue, at: 2)
          .bind(replay.table.rawValue, at: 3).bind(replay.token.rawValue, at: 4)
          .bind(replay.revision, at: 5)
        defer { row.reset() }
        if try !row.step() { changed.append(replay.letter) }
      }
      return changed
    }
    guard changed.isEmpty else { throw .lettersChanged(changed) }
  }

  private func carryOutReplays(snapshot: SnapshotID) throws(SQLiteError) {
    for replay in commit.replays {
      if case .refused(let reason, let message) = replay.outcome {
        try connection.statement(
          """
          UPDATE duckmesh_dead_letter SET reason = ?2, message = ?3, replay_wanted = 0,
            replay_payload = NULL WHERE dead_letter_id = ?1
          """
        ).bind(replay.letter, at: 1).bind(reason, at: 2).bind(message, at: 3).run()
      } else if let settlement = replay.settlement {
        try SettledLetterRows.settle(
          replay.letter, settlement, at: snapshot, now: clock.wall(), connection)
      }
    }
    for tombstone in commit.tombstones { try SettledLetterRows.keep(tombstone, connection) }
    for table in Set(commit.replays.map(\.table)) {
      try SettledLetterRows.forgetTombstones(of: table, connection)
    }
  }
}

/// The trace a commit leaves, by which an unknown outcome is resolved.
enum CommitRow {
  static func insert(
    _ id: CommitID, head: LakeHead, now: Timestamp, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement("INSERT INTO duckmesh_commit VALUES (?, ?, ?)")
      .bind(id.rawValue, at: 1).bind(head.snapshot.rawValue, at: 2)
      .bind(now.microseconds, at: 3).run()
  }

  static func receipt(
    of id: CommitID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> CommitReceipt? {
    let row = try connection.statement(
      """
      SELECT c.snapshot_id, s.snapshot_time FROM duckmesh_commit c
      LEFT JOIN ducklake_snapshot s USING (snapshot_id) WHERE c.commit_id = ?
      """
    ).bind(id.rawValue, at: 1)
    guard try row.step() else { return nil }
    defer { row.reset() }
    return CommitReceipt(
      snapshot: SnapshotID(row.int64(0)),
      time: Timestamp(parsing: row.text(1)) ?? Timestamp(microseconds: 0))
  }
}
