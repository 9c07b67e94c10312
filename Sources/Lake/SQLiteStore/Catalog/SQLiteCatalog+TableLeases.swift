import Catalog
import Consistency
import Model
import SQLite

extension SQLiteCatalog {
  package func resolve(_ merge: MergeCommit) async throws(CatalogError) -> CommitReceipt? {
    try await resolve(merge.id, of: merge.table, owner: merge.owner, epoch: merge.epoch)
  }

  package func resolve(_ rewrite: RewriteCommit) async throws(CatalogError) -> CommitReceipt? {
    try await resolve(
      rewrite.id, of: rewrite.table, owner: rewrite.owner, epoch: rewrite.epoch)
  }

  func resolve(
    _ id: CommitID, of table: TableID, owner: OwnerID, epoch: LeaseEpoch
  ) async throws(CatalogError) -> CommitReceipt? {
    try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        try Self.fenceOff(table, owner: owner, epoch: epoch, connection)
        return try CommitRow.receipt(of: id, connection)
      }
    }
  }

  package func leaseTable(
    _ table: TableID, owner: OwnerID, leaseMs: Int
  ) async throws(CatalogError) -> LeaseEpoch? {
    let clock = database.clock
    return try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        let state = try TableLeaseRow.read(table, connection) ?? .free
        guard
          let claimed = LeaseRules.claim(
            state, owner: owner, now: clock.lease(), leaseMs: leaseMs)
        else { return nil }
        try TableLeaseRow.write(claimed, table: table, connection)
        return claimed.epoch
      }
    }
  }

  package func releaseTable(
    _ table: TableID, owner: OwnerID, epoch: LeaseEpoch
  ) async throws(CatalogError) {
    try await write { (connection) throws(CatalogError) in
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        try Self.fenceOff(table, owner: owner, epoch: epoch, connection)
      }
    }
  }

  /// Raises the epoch of a lease that its holder still has, expired or not.
  private static func fenceOff(
    _ table: TableID, owner: OwnerID, epoch: LeaseEpoch, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    guard let lease = try TableLeaseRow.read(table, connection), lease.owner == owner,
      lease.epoch == epoch
    else { return }
    try TableLeaseRow.write(LeaseRules.fencedOff(lease), table: table, connection)
  }
}

/// The lease under which one maintenance run works on a table.
enum TableLeaseRow {
  /// Refuses whoever does not hold the lease any more.
  static func check(
    _ table: TableID, owner: OwnerID, epoch: LeaseEpoch, now: Timestamp,
    _ connection: SQLiteConnection
  ) throws(CommitError) {
    let state = try mapping(CommitError.init) { () throws(SQLiteError) in
      try read(table, connection)
    }
    guard let state, LeaseRules.isHeld(state, by: owner, epoch: epoch, now: now) else {
      throw .fenced([])
    }
  }

  static func read(
    _ table: TableID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> LeaseState? {
    let row = try connection.statement(
      "SELECT epoch, owner, leased_until FROM duckmesh_table_lease WHERE table_id = ?"
    ).bind(table.rawValue, at: 1)
    guard try row.step() else { return nil }
    defer { row.reset() }
    return LeaseState(
      epoch: LeaseEpoch(row.int64(0)), owner: row.optionalText(1).map(OwnerID.init),
      leasedUntil: Timestamp(microseconds: row.int64(2)))
  }

  static func write(
    _ lease: LeaseState, table: TableID, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement("INSERT OR REPLACE INTO duckmesh_table_lease VALUES (?, ?, ?, ?)")
      .bind(table.rawValue, at: 1).bind(lease.epoch.rawValue, at: 2)
      .bind(lease.owner?.rawValue, at: 3).bind(lease.leasedUntil.microseconds, at: 4).run()
  }
}
