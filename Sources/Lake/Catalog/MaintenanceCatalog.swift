import Consistency
import Model

/// A table with more live files than it should have.
package struct MergeCandidate: Sendable, Equatable {
  package let table: TableID
  package let liveFiles: Int
  package init(table: TableID, liveFiles: Int) {
    self.table = table
    self.liveFiles = liveFiles
  }
}

/// How many files there are, for operators.
package struct FileCounts: Sendable, Equatable {
  /// Live files of the tenant's table that has the most, by tenant name.
  package let mostLiveFiles: [String: Int]
  package let awaitingDeletion: Int

  package init(mostLiveFiles: [String: Int], awaitingDeletion: Int) {
    self.mostLiveFiles = mostLiveFiles
    self.awaitingDeletion = awaitingDeletion
  }
}

/// A file that no snapshot reaches any more.
package struct ScheduledFile: Sendable, Equatable {
  package let path: String
  package let scheduledAt: Timestamp
  package init(path: String, scheduledAt: Timestamp) {
    self.path = path
    self.scheduledAt = scheduledAt
  }
}

/// The lease epochs by the folders whose files are written under them.
package struct LeaseEpochs: Sendable, Equatable {
  /// By tenant folder.
  package let tenants: [String: LeaseEpoch]
  /// By table folder.
  package let tables: [String: LeaseEpoch]
  /// Numbers of tenants' and tables' folders that were skipped when the catalog was adopted: what
  /// is there belongs to a life that was lost.
  package let lostNumbers: [ClosedRange<Int64>]
  /// When a restored catalog was adopted last; files of the life before it are unreferenced since.
  package let adoptedAt: Timestamp?

  package init(
    tenants: [String: LeaseEpoch], tables: [String: LeaseEpoch],
    lostNumbers: [ClosedRange<Int64>] = [], adoptedAt: Timestamp? = nil
  ) {
    self.tenants = tenants
    self.tables = tables
    self.lostNumbers = lostNumbers
    self.adoptedAt = adoptedAt
  }
}

/// How the identity of the ledger stands for one tenant.
///
/// acknowledged = applied + superseded + no-op + dead-lettered + discarded + pending, where applied
/// are the events whose rows were inserted and those that deleted a row, and dead-lettered those
/// that are open.
package struct TenantAccount: Sendable, Equatable {
  package let tenant: TenantID
  package let tenantName: String
  package let acknowledged: Int64
  package let counts: LedgerCounts
  package let discarded: Int64
  package let pending: Int64
  package let watermark: VisibilityToken

  package init(
    tenant: TenantID, tenantName: String, acknowledged: Int64, counts: LedgerCounts,
    discarded: Int64, pending: Int64, watermark: VisibilityToken
  ) {
    self.tenant = tenant
    self.tenantName = tenantName
    self.acknowledged = acknowledged
    self.counts = counts
    self.discarded = discarded
    self.pending = pending
    self.watermark = watermark
  }

  package var isBalanced: Bool { acknowledged == counts.total + discarded + pending }
}

/// What the catalog itself can say of one table for the integrity run.
package struct TableAccount: Sendable, Equatable {
  package let table: TableID
  package let tenant: TenantID
  package let folder: String
  package let isDropped: Bool
  /// Rows that the ledger says were inserted.
  package let ledgerInserted: Int64
  /// Rows that it says were removed again.
  package let ledgerRemoved: Int64
  /// Whether the files of a dropped table have been expired, so that they cannot be counted.
  package let isExpired: Bool
  /// Live files, or those that were live when the table was dropped.
  package let files: [DataFileRecord]

  package init(
    table: TableID, tenant: TenantID, folder: String, isDropped: Bool, ledgerInserted: Int64,
    ledgerRemoved: Int64, isExpired: Bool, files: [DataFileRecord]
  ) {
    self.table = table
    self.tenant = tenant
    self.folder = folder
    self.isDropped = isDropped
    self.ledgerInserted = ledgerInserted
    self.ledgerRemoved = ledgerRemoved
    self.isExpired = isExpired
    self.files = files
  }
}

/// A violated rule that the catalog found in itself.
package struct CatalogViolation: Sendable, Equatable {
  package let tenant: TenantID?
  package let rule: String
  package init(tenant: TenantID?, rule: String) {
    self.tenant = tenant
    self.rule = rule
  }
}

/// Which snapshots may go: pure data computed by `RetentionPlan`.
package struct SnapshotStub: Sendable, Equatable {
  package let id: SnapshotID
  package let time: Timestamp
  package init(id: SnapshotID, time: Timestamp) {
    self.id = id
    self.time = time
  }
}

/// What maintenance needs of the catalog. Every call does a bounded piece of work.
package protocol MaintenanceCatalog: Sendable {
  /// Tables with more than `above` live files, the fullest first.
  func mergeCandidates(above: Int, limit: Int) async throws(CatalogError) -> [MergeCandidate]

  /// Tables with a live file of whose rows more than the share `above` (0 to 1) are deleted, those
  /// with the most deleted rows first.
  func rewriteCandidates(above: Double, limit: Int) async throws(CatalogError) -> [TableID]

  func fileCounts() async throws(CatalogError) -> FileCounts

  /// The live files of a table in row-id order, with the schema version each was written under.
  func liveFiles(
    of table: TableID
  ) async throws(CatalogError) -> [(file: DataFileRecord, schemaVersion: Int64)]

  /// Snapshots from the oldest on, after `id`.
  func snapshotStubs(
    after id: SnapshotID?, limit: Int
  ) async throws(CatalogError) -> [SnapshotStub]

  /// Removes snapshots and schedules the files that only they reached.
  ///
  /// A tenant's newest snapshot and the newest of all stay whatever is asked.
  ///
  /// - Returns: how many snapshots went.
  func expireSnapshots(_ ids: [SnapshotID]) async throws(CatalogError) -> Int

  /// Files scheduled for deletion at or before an instant, the oldest first.
  func scheduledFiles(
    before: Timestamp, limit: Int
  ) async throws(CatalogError) -> [ScheduledFile]

  /// Takes files off the schedule, once they are gone from the object store.
  func forgetScheduled(_ paths: [String]) async throws(CatalogError)

  /// The present lease epochs, after those that have run out were raised.
  ///
  /// A file that was written under an older epoch and that no row names can never be named any
  /// more.
  func leaseEpochs() async throws(CatalogError) -> LeaseEpochs

  /// Whether any row of the catalog names one of the paths.
  func referencedPaths(among paths: [String]) async throws(CatalogError) -> Set<String>

  func accounts() async throws(CatalogError) -> [TenantAccount]

  func tableAccounts(tenant: TenantID) async throws(CatalogError) -> [TableAccount]

  /// Checks what the catalog can check alone: dense tokens, keys against heads, ledger ranges.
  func violations() async throws(CatalogError) -> [CatalogViolation]
}
