import Consistency
import Model

/// A snapshot as one tenant sees it.
package struct SnapshotRecord: Sendable, Equatable {
  package let id: SnapshotID
  package let time: Timestamp
  package let createdBy: String
  /// The tenant's watermark at this snapshot.
  package let watermark: VisibilityToken
  /// The tenant's snapshot before this one.
  package let parent: SnapshotID?
  /// The tenant's pin on it, while that has not ended.
  package let pin: SnapshotPin?
  /// The snapshot whose content this one has put back.
  package let restoredFrom: SnapshotID?

  package init(
    id: SnapshotID, time: Timestamp, createdBy: String, watermark: VisibilityToken,
    parent: SnapshotID?, pin: SnapshotPin? = nil, restoredFrom: SnapshotID? = nil
  ) {
    self.id = id
    self.time = time
    self.createdBy = createdBy
    self.watermark = watermark
    self.parent = parent
    self.pin = pin
    self.restoredFrom = restoredFrom
  }
}

/// What one table holds at one snapshot.
package struct TableContent: Sendable, Equatable {
  package let name: String
  package let watermark: VisibilityToken
  package let files: Int
  package let rows: Int64
  package let bytes: Int64

  package init(name: String, watermark: VisibilityToken, files: Int, rows: Int64, bytes: Int64) {
    self.name = name
    self.watermark = watermark
    self.files = files
    self.rows = rows
    self.bytes = bytes
  }
}

/// A delete file that applies to one data file.
package struct DeleteFileRecord: Sendable, Equatable {
  package let id: Int64
  package let path: String
  package let deleteCount: Int64
  /// Set when the file's positions carry the snapshot that deleted them.
  package let partialMaximum: SnapshotID?

  package init(id: Int64, path: String, deleteCount: Int64, partialMaximum: SnapshotID?) {
    self.id = id
    self.path = path
    self.deleteCount = deleteCount
    self.partialMaximum = partialMaximum
  }
}

/// One data file of a table.
package struct DataFileRecord: Sendable, Equatable {
  package let id: Int64
  /// Below the lake's root.
  package let path: String
  package let recordCount: Int64
  package let byteCount: Int64
  package let begin: SnapshotID
  package let rowIDStart: Int64?
  /// Set when the rows carry the snapshot that added them: rows above a reader's are not for it.
  package let partialMaximum: SnapshotID?
  package let deletes: DeleteFileRecord?
  /// Nil for a file whose rows may be of several partitions.
  package let partition: FilePartition?

  package init(
    id: Int64, path: String, recordCount: Int64, byteCount: Int64, begin: SnapshotID,
    rowIDStart: Int64?, partialMaximum: SnapshotID?, deletes: DeleteFileRecord?,
    partition: FilePartition? = nil
  ) {
    self.id = id
    self.path = path
    self.recordCount = recordCount
    self.byteCount = byteCount
    self.begin = begin
    self.rowIDStart = rowIDStart
    self.partialMaximum = partialMaximum
    self.deletes = deletes
    self.partition = partition
  }

  package var live: LiveFile { LiveFile(dataFile: id, deleteFile: deletes?.id) }
}

/// What must be read to answer a query on one table at one snapshot.
package struct TableManifest: Sendable, Equatable {
  /// The table with the columns it has at the snapshot.
  package let table: TableRecord
  package let snapshot: SnapshotID
  package let files: [DataFileRecord]

  package init(table: TableRecord, snapshot: SnapshotID, files: [DataFileRecord]) {
    self.table = table
    self.snapshot = snapshot
    self.files = files
  }
}

/// A tenant's place in its own order of events.
package struct TenantProgress: Sendable, Equatable {
  package let head: VisibilityToken
  package let watermark: VisibilityToken
  package let latest: SnapshotRecord
  package let deadLetters: Int64
  package let oldestPendingAt: Timestamp?
  package let voids: VoidRanges

  package init(
    head: VisibilityToken, watermark: VisibilityToken, latest: SnapshotRecord, deadLetters: Int64,
    oldestPendingAt: Timestamp?, voids: VoidRanges = .none
  ) {
    self.head = head
    self.watermark = watermark
    self.latest = latest
    self.deadLetters = deadLetters
    self.oldestPendingAt = oldestPendingAt
    self.voids = voids
  }

  /// Events that were accepted since the tenant was made, and those of them that wait.
  package var accepted: Int64 {
    head.rawValue - voids.count(after: .none, through: head)
  }
  package var pending: Int64 {
    head.rawValue - watermark.rawValue - voids.count(after: watermark, through: head)
  }
}

/// How far a tenant's events were visible at one of its snapshots.
package struct TenantWatermark: Sendable, Equatable {
  package let tenant: TenantID
  package let watermark: VisibilityToken
  package let snapshot: SnapshotID

  package init(tenant: TenantID, watermark: VisibilityToken, snapshot: SnapshotID) {
    self.tenant = tenant
    self.watermark = watermark
    self.snapshot = snapshot
  }
}

/// An event that could not become a row.
package struct DeadLetterRecord: Sendable, Equatable {
  package let id: Int64
  package let tenant: TenantID
  package let table: TableID
  package let tableName: String
  package let token: VisibilityToken
  package let reason: String
  package let message: String
  package let idempotencyKey: [UInt8]
  package let payload: [UInt8]
  /// The schema that the event was written under.
  package let schemaVersion: Int64
  package let operation: UInt8
  /// Whether it waits to be replayed.
  package let isWanted: Bool
  package let createdAt: Timestamp

  package init(
    id: Int64, tenant: TenantID, table: TableID, tableName: String, token: VisibilityToken,
    reason: String, message: String, idempotencyKey: [UInt8], payload: [UInt8],
    schemaVersion: Int64, operation: UInt8, isWanted: Bool, createdAt: Timestamp
  ) {
    self.id = id
    self.tenant = tenant
    self.table = table
    self.tableName = tableName
    self.token = token
    self.reason = reason
    self.message = message
    self.idempotencyKey = idempotencyKey
    self.payload = payload
    self.schemaVersion = schemaVersion
    self.operation = operation
    self.isWanted = isWanted
    self.createdAt = createdAt
  }
}

/// Snapshots and what they hold.
///
/// A tenant sees only the snapshots that changed its tables or its watermark; another's id is as
/// unknown to it as one that never was. What a call returns is read in one transaction.
package protocol SnapshotCatalog: Sendable {
  /// The tenant's newest snapshot.
  func latestSnapshot(tenant: TenantID) async throws(CatalogError) -> SnapshotRecord

  /// - Throws: `snapshotNotFound`.
  func snapshot(
    _ id: SnapshotID, tenant: TenantID
  ) async throws(CatalogError) -> SnapshotRecord

  /// The tenant's newest snapshot at or before an instant.
  ///
  /// - Throws: `snapshotNotFound`.
  func snapshot(
    at time: Timestamp, tenant: TenantID
  ) async throws(CatalogError) -> SnapshotRecord

  /// The newest snapshot of every tenant that has one after `snapshot`, by tenant.
  ///
  /// Snapshots are committed in the order of their ids, so a poller that goes on from the largest
  /// id it was given misses none.
  func watermarks(
    after snapshot: SnapshotID
  ) async throws(CatalogError) -> [TenantWatermark]

  /// Newest first, those before `id`, at most `limit`.
  func snapshots(
    tenant: TenantID, before id: SnapshotID?, limit: Int
  ) async throws(CatalogError) -> [SnapshotRecord]

  /// What each of the tenant's tables holds at each of the given snapshots, by table name.
  ///
  /// Snapshots that are no more are left out: expiry hands what one held on to a later one, and
  /// what is found before it would be too little.
  func contents(
    of snapshots: [SnapshotID], tenant: TenantID
  ) async throws(CatalogError) -> [SnapshotID: [TableContent]]

  /// The manifests of the named tables at a snapshot.
  ///
  /// - Parameter names: any case; nil for all tables, without their files.
  /// - Returns: one a table that exists at the snapshot, with the name as it is kept.
  /// - Throws: `snapshotNotFound` when it has been expired.
  func manifests(
    tenant: TenantID, names: [String]?, at snapshot: SnapshotID
  ) async throws(CatalogError) -> [TableManifest]

  /// What is known of some columns in the files that a snapshot shows of a table, by file.
  ///
  /// Files that are gone by then, or that another program has written without statistics, are left
  /// out.
  /// - Parameter columns: field ids.
  func fileStatistics(
    of table: TableID, columns: [Int64], at snapshot: SnapshotID
  ) async throws(CatalogError) -> [Int64: [ColumnStatistics]]

  /// What other programs have noted on the tenant's tables and their columns, as DuckLake keeps it.
  func comments(
    tenant: TenantID, at snapshot: SnapshotID
  ) async throws(CatalogError) -> LakeComments

  func progress(tenant: TenantID) async throws(CatalogError) -> TenantProgress

  /// Dead letters that are open.
  func deadLetterCount(tenant: TenantID) async throws(CatalogError) -> Int64
}
