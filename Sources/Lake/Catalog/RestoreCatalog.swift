import Model

/// A data file that a restore puts into a table.
package enum RestoredFile: Sendable, Equatable {
  /// The content of a file of the table under a new name; the catalog knows the rest of it.
  case link(of: DataFileRecord, name: String)
  /// Rows that were written anew and carry their row ids.
  case written(NewDataFile)

  package var recordCount: Int64 {
    switch self {
    case .link(let file, _): file.recordCount
    case .written(let file): file.recordCount
    }
  }
}

/// What a restore makes of one table.
package struct RestoredTable: Sendable, Equatable {
  package let table: TableID
  /// The lease of the table under which the files were written.
  package let epoch: LeaseEpoch
  /// The table's schema version, which it must still have; its rows are of that version.
  package let schemaVersion: Int64
  /// Whether the table was dropped, which it must be or not be as before.
  package let isDropped: Bool
  /// Live files that stay, with their delete files as they were read.
  package let kept: [DataFileRecord]
  package let added: [RestoredFile]

  package init(
    table: TableID, epoch: LeaseEpoch, schemaVersion: Int64, isDropped: Bool,
    kept: [DataFileRecord], added: [RestoredFile]
  ) {
    self.table = table
    self.epoch = epoch
    self.schemaVersion = schemaVersion
    self.isDropped = isDropped
    self.kept = kept
    self.added = added
  }
}

/// The content of an older snapshot as a new snapshot's.
///
/// Whatever is live in its tables by then and is not kept ends. So it needs no lease of the tenant:
/// what is committed before it is undone with the rest, and what comes after it is added to what it
/// has put back. The tables' leases keep maintenance away.
package struct RestoreCommit: Sendable {
  package let id: CommitID
  package let owner: OwnerID
  package let tenant: TenantID
  package let restoredFrom: SnapshotID
  package let tables: [RestoredTable]

  package init(
    id: CommitID, owner: OwnerID, tenant: TenantID, restoredFrom: SnapshotID,
    tables: [RestoredTable]
  ) {
    self.id = id
    self.owner = owner
    self.tenant = tenant
    self.restoredFrom = restoredFrom
    self.tables = tables
  }

  /// What in the restore does not agree with itself: a bug of whoever made it.
  package var contradiction: String? {
    guard !tables.isEmpty, Set(tables.map(\.table)).count == tables.count else {
      return "a table twice or none"
    }
    for table in tables {
      guard !table.isDropped || table.kept.isEmpty else { return "live files of a dropped table" }
      for case .link(let file, _) in table.added
      where file.deletes != nil || file.partialMaximum != nil {
        return "a file of which not all rows are to be read"
      }
      for case .written(let file) in table.added
      where file.table != table.table || file.recordCount < 1 {
        return "a file of another table or without rows"
      }
    }
    return nil
  }

  package var hasDropped: Bool { tables.contains(where: \.isDropped) }
}

/// What a restore put back and took away.
package struct RestoreReceipt: Sendable, Equatable {
  package let commit: CommitReceipt
  package let restoredRows: Int64
  /// Nil when only that it was applied could be found out.
  package let undoneRows: Int64?

  package init(commit: CommitReceipt, restoredRows: Int64, undoneRows: Int64?) {
    self.commit = commit
    self.restoredRows = restoredRows
    self.undoneRows = undoneRows
  }
}

/// Puts the content of older snapshots back.
///
/// A restore is one snapshot of the tenant's with its watermark unchanged. Rows that come back and
/// rows that go stand in the ledger beside the events, and are none. A table that was dropped lives
/// again under its id, so its idempotency keys are those of before.
package protocol RestoreCatalog: Sendable {
  /// - Throws: `fenced([])` when a table's lease is lost, `tablesChanged` when a table has another
  ///   schema, was dropped or made again meanwhile or its name is taken, `filesChanged` when a file
  ///   that was to stay is not as it was read.
  func commit(_ restore: RestoreCommit) async throws(CommitError) -> RestoreReceipt

  /// Whether a restore whose outcome was unknown was applied; as final as that of a merge.
  func resolve(_ restore: RestoreCommit) async throws(CatalogError) -> CommitReceipt?
}
