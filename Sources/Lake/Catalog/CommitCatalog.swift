import Consistency
import Model

/// Statistics of one column in one data file, in DuckLake's text encoding.
package struct ColumnStatistics: Sendable, Equatable {
  package let columnID: Int64
  package let byteCount: Int64
  package let valueCount: Int64
  package let nullCount: Int64?
  package let minimum: String?
  package let maximum: String?
  package let containsNaN: Bool?

  package init(
    columnID: Int64, byteCount: Int64, valueCount: Int64, nullCount: Int64?, minimum: String?,
    maximum: String?, containsNaN: Bool?
  ) {
    self.columnID = columnID
    self.byteCount = byteCount
    self.valueCount = valueCount
    self.nullCount = nullCount
    self.minimum = minimum
    self.maximum = maximum
    self.containsNaN = containsNaN
  }
}

/// A data file that is durable in the object store and not yet known to the catalog.
package struct NewDataFile: Sendable, Equatable {
  package let table: TableID
  /// Below the table's folder.
  package let name: String
  package let recordCount: Int64
  package let byteCount: Int64
  package let footerByteCount: Int64
  package let statistics: [ColumnStatistics]
  /// Nil for a file of a table without partitions, or whose rows are of several.
  package let partition: FilePartition?

  package init(
    table: TableID, name: String, recordCount: Int64, byteCount: Int64, footerByteCount: Int64,
    statistics: [ColumnStatistics], partition: FilePartition? = nil
  ) {
    self.table = table
    self.name = name
    self.recordCount = recordCount
    self.byteCount = byteCount
    self.footerByteCount = footerByteCount
    self.statistics = statistics
    self.partition = partition
  }
}

/// An event that the commit sets aside.
package struct NewDeadLetter: Sendable, Equatable {
  package let tenant: TenantID
  package let table: TableID
  package let token: VisibilityToken
  package let schemaVersion: Int64
  package let operation: UInt8
  package let reason: String
  package let message: String
  package let idempotencyKey: [UInt8]
  package let payload: [UInt8]

  package init(
    tenant: TenantID, table: TableID, token: VisibilityToken, schemaVersion: Int64,
    operation: UInt8, reason: String, message: String, idempotencyKey: [UInt8], payload: [UInt8]
  ) {
    self.tenant = tenant
    self.table = table
    self.token = token
    self.schemaVersion = schemaVersion
    self.operation = operation
    self.reason = reason
    self.message = message
    self.idempotencyKey = idempotencyKey
    self.payload = payload
  }
}

/// What became of one table's events in this commit.
package struct NewLedgerRow: Sendable, Equatable {
  package let tenant: TenantID
  package let table: TableID
  package let counts: LedgerCounts
  /// Rows of the lake that the commit's delete files take away, by upserts and deletes alike.
  package let removedRows: Int64
  /// Distinct primary keys of these rows: as many, unless another program has written a key twice.
  package let removedKeys: Int64

  /// - Parameter removedKeys: nil for as many as rows.
  package init(
    tenant: TenantID, table: TableID, counts: LedgerCounts, removedRows: Int64 = 0,
    removedKeys: Int64? = nil
  ) {
    self.tenant = tenant
    self.table = table
    self.counts = counts
    self.removedRows = removedRows
    self.removedKeys = removedKeys ?? removedRows
  }
}

/// One commit of events: the files, the watermarks and the ledger, all or nothing.
package struct EventCommit: Sendable {
  package let id: CommitID
  package let owner: OwnerID
  package let fences: [TenantFence]
  package let tables: [CommittedTable]
  package let files: [NewDataFile]
  package let deletes: [NewDeleteFile]
  package let ledger: [NewLedgerRow]
  package let deadLetters: [NewDeadLetter]
  /// What became of dead letters of earlier commits.
  package let replays: [LetterReplay]
  /// Keys that the commit's events deleted, where a dead letter may want to bring one back.
  package let tombstones: [KeyTombstone]

  package init(
    id: CommitID, owner: OwnerID, fences: [TenantFence],
    tables: [CommittedTable], files: [NewDataFile], deletes: [NewDeleteFile] = [],
    ledger: [NewLedgerRow], deadLetters: [NewDeadLetter], replays: [LetterReplay] = [],
    tombstones: [KeyTombstone] = []
  ) {
    self.id = id
    self.owner = owner
    self.fences = fences
    self.tables = tables
    self.files = files
    self.deletes = deletes
    self.ledger = ledger
    self.deadLetters = deadLetters
    self.replays = replays
    self.tombstones = tombstones
  }
}

/// A merge of small live files into one that keeps every old snapshot readable.
package struct MergeCommit: Sendable {
  package let id: CommitID
  package let owner: OwnerID
  package let epoch: LeaseEpoch
  package let table: TableID
  /// The files that are replaced, as they were read.
  package let inputs: [DataFileRecord]
  package let output: NewDataFile
  /// Set when the output's rows are in row-id order without a gap.
  package let rowIDStart: Int64?

  package init(
    id: CommitID, owner: OwnerID, epoch: LeaseEpoch, table: TableID, inputs: [DataFileRecord],
    output: NewDataFile, rowIDStart: Int64?
  ) {
    self.id = id
    self.owner = owner
    self.epoch = epoch
    self.table = table
    self.inputs = inputs
    self.output = output
    self.rowIDStart = rowIDStart
  }
}

extension MergeCommit {
  /// What in the merge does not agree with itself: a bug of whoever made it.
  package var contradiction: String? {
    FilePartition.contradiction(inputs, output)
  }
}

/// A commit that was applied.
package struct CommitReceipt: Sendable, Equatable {
  package let snapshot: SnapshotID
  package let time: Timestamp

  package init(snapshot: SnapshotID, time: Timestamp) {
    self.snapshot = snapshot
    self.time = time
  }
}

/// Commits to the lake.
///
/// Every commit locks the head of the lake, holds a lease whose epoch is checked inside the same
/// transaction, and leaves its id behind, which alone answers an unknown outcome. Files are durable
/// before they are named here. Snapshot times strictly increase.
package protocol CommitCatalog: Sendable {
  /// Refuses with `tablesChanged` the tables whose schema or, where the commit looked for keys,
  /// whose live files and delete files are not those that it was made for.
  func commit(_ commit: EventCommit) async throws(CommitError) -> CommitReceipt

  func commit(_ merge: MergeCommit) async throws(CommitError) -> CommitReceipt

  /// Refuses with `filesChanged` when an input, or the delete file over it, is not as it was read.
  func commit(_ rewrite: RewriteCommit) async throws(CommitError) -> CommitReceipt

  /// All live files of a table, read at one moment, with what the catalog knows of some columns.
  ///
  /// - Parameter columns: field ids.
  func lookupFiles(
    of table: TableID, columns: [Int64]
  ) async throws(CatalogError) -> [LookupFile]

  /// Whether a commit whose outcome was unknown was applied.
  ///
  /// Waits for the commit if it is still under way and fences it off if it has not begun, so the
  /// answer is final.
  func resolve(_ id: CommitID, owner: OwnerID, fences: [TenantFence])
    async throws(CatalogError) -> CommitReceipt?

  /// Whether a merge whose outcome was unknown was applied.
  ///
  /// As final as the answer for events: the table's lease is fenced off where it is still held
  /// under `epoch`.
  func resolve(_ merge: MergeCommit) async throws(CatalogError) -> CommitReceipt?

  /// Whether a rewrite whose outcome was unknown was applied; as final as that of a merge.
  func resolve(_ rewrite: RewriteCommit) async throws(CatalogError) -> CommitReceipt?

  /// Leases a table to one maintenance owner.
  ///
  /// - Returns: nil when another owner's lease is live.
  func leaseTable(
    _ table: TableID, owner: OwnerID, leaseMs: Int
  ) async throws(CatalogError) -> LeaseEpoch?

  /// Gives a table's lease back, where it is still held by `owner` under `epoch`.
  ///
  /// The epoch rises: whatever the owner has not committed under it never will be.
  func releaseTable(
    _ table: TableID, owner: OwnerID, epoch: LeaseEpoch
  ) async throws(CatalogError)
}
