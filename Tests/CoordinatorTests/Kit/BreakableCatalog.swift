import Catalog
import Consistency
import Model
import Runtime

/// A catalog, with what a test puts around each commit of events.
struct BreakableCatalog: Sendable {
  typealias Commit = @Sendable (EventCommit) async throws(CommitError) -> CommitReceipt
  typealias Hook =
    @Sendable (EventCommit, Commit) async throws(CommitError) -> CommitReceipt

  typealias Restore = @Sendable (RestoreCommit) async throws(CommitError) -> RestoreReceipt
  typealias RestoreHook =
    @Sendable (RestoreCommit, Restore) async throws(CommitError) -> RestoreReceipt

  let inner: any Catalog
  private let hook = Shared<Hook?>(nil)
  private let merges = Shared<(@Sendable (MergeCommit) async throws(CommitError) -> Void)?>(nil)

  private let rewrites = Shared<(@Sendable (RewriteCommit) async throws(CommitError) -> Void)?>(
    nil)
  private let restores = Shared<RestoreHook?>(nil)
  private let answers = Shared<(@Sendable (MergeCommit) throws(CommitError) -> Void)?>(nil)

  init(_ inner: any Catalog) { self.inner = inner }

  /// Takes the place of each commit of events; it may call the real one or not.
  func aroundCommit(_ body: Hook?) { hook.value.withLock { $0 = body } }

  func beforeMerge(_ body: (@Sendable (MergeCommit) async throws(CommitError) -> Void)?) {
    merges.value.withLock { $0 = body }
  }

  func beforeRewrite(_ body: (@Sendable (RewriteCommit) async throws(CommitError) -> Void)?) {
    rewrites.value.withLock { $0 = body }
  }

  /// Takes the place of each restore; it may call the real one or not.
  func aroundRestore(_ body: RestoreHook?) { restores.value.withLock { $0 = body } }

  /// Stands between the answer to a merge and whoever waits for it.
  func afterMerge(_ body: (@Sendable (MergeCommit) throws(CommitError) -> Void)?) {
    answers.value.withLock { $0 = body }
  }

  private final class Shared<Value: Sendable>: Sendable {
    let value: Lock<Value>
    init(_ value: Value) { self.value = Lock(value) }
  }
}

extension BreakableCatalog: CommitCatalog {
  func commit(_ commit: EventCommit) async throws(CommitError) -> CommitReceipt {
    let inner = inner
    guard let hook = hook.value.withLock({ $0 }) else { return try await inner.commit(commit) }
    return try await hook(commit) { (commit) async throws(CommitError) in
      try await inner.commit(commit)
    }
  }

  func commit(_ merge: MergeCommit) async throws(CommitError) -> CommitReceipt {
    if let hook = merges.value.withLock({ $0 }) { try await hook(merge) }
    let receipt = try await inner.commit(merge)
    if let hook = answers.value.withLock({ $0 }) { try hook(merge) }
    return receipt
  }

  func commit(_ rewrite: RewriteCommit) async throws(CommitError) -> CommitReceipt {
    if let hook = rewrites.value.withLock({ $0 }) { try await hook(rewrite) }
    return try await inner.commit(rewrite)
  }

  func lookupFiles(
    of table: TableID, columns: [Int64]
  ) async throws(CatalogError) -> [LookupFile] {
    try await inner.lookupFiles(of: table, columns: columns)
  }

  func resolve(
    _ id: CommitID, owner: OwnerID, fences: [TenantFence]
  ) async throws(CatalogError) -> CommitReceipt? {
    try await inner.resolve(id, owner: owner, fences: fences)
  }

  func leaseTable(
    _ table: TableID, owner: OwnerID, leaseMs: Int
  ) async throws(CatalogError) -> LeaseEpoch? {
    try await inner.leaseTable(table, owner: owner, leaseMs: leaseMs)
  }

  func resolve(_ merge: MergeCommit) async throws(CatalogError) -> CommitReceipt? {
    try await inner.resolve(merge)
  }

  func resolve(_ rewrite: RewriteCommit) async throws(CatalogError) -> CommitReceipt? {
    try await inner.resolve(rewrite)
  }

  func releaseTable(
    _ table: TableID, owner: OwnerID, epoch: LeaseEpoch
  ) async throws(CatalogError) {
    try await inner.releaseTable(table, owner: owner, epoch: epoch)
  }
}

extension BreakableCatalog: TableCatalog {
  func tenant(named name: String) async throws(CatalogError) -> TenantRecord? {
    try await inner.tenant(named: name)
  }

  func ensureTenant(named name: String, limit: Int) async throws(CatalogError) -> TenantRecord {
    try await inner.ensureTenant(named: name, limit: limit)
  }

  func tenants() async throws(CatalogError) -> [TenantRecord] { try await inner.tenants() }

  func createTable(
    _ definition: TableDefinition, tenant: TenantID
  ) async throws(CatalogError) -> TableRecord {
    try await inner.createTable(definition, tenant: tenant)
  }

  func dropTable(named name: String, tenant: TenantID) async throws(CatalogError) -> TableRecord {
    try await inner.dropTable(named: name, tenant: tenant)
  }

  func table(named name: String, tenant: TenantID) async throws(CatalogError) -> TableRecord? {
    try await inner.table(named: name, tenant: tenant)
  }

  func alterTable(_ alteration: TableAlteration) async throws(CatalogError) -> TableRecord {
    try await inner.alterTable(alteration)
  }

  func table(
    _ id: TableID, at snapshot: SnapshotID
  ) async throws(CatalogError) -> TableRecord? {
    try await inner.table(id, at: snapshot)
  }

  func tableVersions(
    of table: TableID, below version: Int64?, limit: Int
  ) async throws(CatalogError) -> [TableVersion] {
    try await inner.tableVersions(of: table, below: version, limit: limit)
  }

  func tables(ids: [TableID]) async throws(CatalogError) -> [TableRecord] {
    try await inner.tables(ids: ids)
  }

  func tables(
    tenant: TenantID, after name: String?, limit: Int
  ) async throws(CatalogError) -> [TableRecord] {
    try await inner.tables(tenant: tenant, after: name, limit: limit)
  }
}

extension BreakableCatalog: SnapshotCatalog {
  func latestSnapshot(tenant: TenantID) async throws(CatalogError) -> SnapshotRecord {
    try await inner.latestSnapshot(tenant: tenant)
  }

  func snapshot(_ id: SnapshotID, tenant: TenantID) async throws(CatalogError) -> SnapshotRecord {
    try await inner.snapshot(id, tenant: tenant)
  }

  func snapshot(at time: Timestamp, tenant: TenantID) async throws(CatalogError) -> SnapshotRecord {
    try await inner.snapshot(at: time, tenant: tenant)
  }

  func watermarks(
    after snapshot: SnapshotID
  ) async throws(CatalogError) -> [TenantWatermark] {
    try await inner.watermarks(after: snapshot)
  }

  func snapshots(
    tenant: TenantID, before id: SnapshotID?, limit: Int
  ) async throws(CatalogError) -> [SnapshotRecord] {
    try await inner.snapshots(tenant: tenant, before: id, limit: limit)
  }

  func contents(
    of snapshots: [SnapshotID], tenant: TenantID
  ) async throws(CatalogError) -> [SnapshotID: [TableContent]] {
    try await inner.contents(of: snapshots, tenant: tenant)
  }

  func manifests(
    tenant: TenantID, names: [String]?, at snapshot: SnapshotID
  ) async throws(CatalogError) -> [TableManifest] {
    try await inner.manifests(tenant: tenant, names: names, at: snapshot)
  }

  func fileStatistics(
    of table: TableID, columns: [Int64], at snapshot: SnapshotID
  ) async throws(CatalogError) -> [Int64: [ColumnStatistics]] {
    try await inner.fileStatistics(of: table, columns: columns, at: snapshot)
  }

  func comments(
    tenant: TenantID, at snapshot: SnapshotID
  ) async throws(CatalogError) -> LakeComments {
    try await inner.comments(tenant: tenant, at: snapshot)
  }

  func progress(tenant: TenantID) async throws(CatalogError) -> TenantProgress {
    try await inner.progress(tenant: tenant)
  }

  func deadLetterCount(tenant: TenantID) async throws(CatalogError) -> Int64 {
    try await inner.deadLetterCount(tenant: tenant)
  }
}

extension BreakableCatalog: MaintenanceCatalog {
  func mergeCandidates(above: Int, limit: Int) async throws(CatalogError) -> [MergeCandidate] {
    try await inner.mergeCandidates(above: above, limit: limit)
  }

  func rewriteCandidates(
    above: Double, limit: Int
  ) async throws(CatalogError) -> [TableID] {
    try await inner.rewriteCandidates(above: above, limit: limit)
  }

  func fileCounts() async throws(CatalogError) -> FileCounts { try await inner.fileCounts() }

  func liveFiles(
    of table: TableID
  ) async throws(CatalogError) -> [(file: DataFileRecord, schemaVersion: Int64)] {
    try await inner.liveFiles(of: table)
  }

  func snapshotStubs(
    after id: SnapshotID?, limit: Int
  ) async throws(CatalogError) -> [SnapshotStub] {
    try await inner.snapshotStubs(after: id, limit: limit)
  }

  func expireSnapshots(_ ids: [SnapshotID]) async throws(CatalogError) -> Int {
    try await inner.expireSnapshots(ids)
  }

  func scheduledFiles(
    before: Timestamp, limit: Int
  ) async throws(CatalogError) -> [ScheduledFile] {
    try await inner.scheduledFiles(before: before, limit: limit)
  }

  func forgetScheduled(_ paths: [String]) async throws(CatalogError) {
    try await inner.forgetScheduled(paths)
  }

  func leaseEpochs() async throws(CatalogError) -> LeaseEpochs { try await inner.leaseEpochs() }

  func referencedPaths(among paths: [String]) async throws(CatalogError) -> Set<String> {
    try await inner.referencedPaths(among: paths)
  }

  func accounts() async throws(CatalogError) -> [TenantAccount] { try await inner.accounts() }

  func tableAccounts(tenant: TenantID) async throws(CatalogError) -> [TableAccount] {
    try await inner.tableAccounts(tenant: tenant)
  }

  func violations() async throws(CatalogError) -> [CatalogViolation] {
    try await inner.violations()
  }
}

extension BreakableCatalog: PinCatalog {
  func pin(
    _ snapshot: SnapshotID, name: String?, expiresAt: Timestamp?, tenant: TenantID, limit: Int
  ) async throws(CatalogError) -> SnapshotPin? {
    try await inner.pin(
      snapshot, name: name, expiresAt: expiresAt, tenant: tenant, limit: limit)
  }

  func unpin(_ snapshot: SnapshotID, tenant: TenantID) async throws(CatalogError) -> Bool {
    try await inner.unpin(snapshot, tenant: tenant)
  }

  func hold(
    _ snapshots: ClosedRange<SnapshotID>, tenant: TenantID, leaseMs: Int, limit: Int
  ) async throws(CatalogError) -> SnapshotHold? {
    try await inner.hold(snapshots, tenant: tenant, leaseMs: leaseMs, limit: limit)
  }

  func release(_ hold: SnapshotHold) async throws(CatalogError) {
    try await inner.release(hold)
  }

  func sweepPins() async throws(CatalogError) -> Int { try await inner.sweepPins() }
}

extension BreakableCatalog: ChangeCatalog {
  func snapshot(before id: SnapshotID) async throws(CatalogError) -> SnapshotID? {
    try await inner.snapshot(before: id)
  }

  func changedFiles(
    of table: TableID, after base: SnapshotID, through last: SnapshotID
  ) async throws(CatalogError) -> [ChangedFile] {
    try await inner.changedFiles(of: table, after: base, through: last)
  }
}

extension BreakableCatalog: RestoreCatalog {
  func commit(_ restore: RestoreCommit) async throws(CommitError) -> RestoreReceipt {
    let inner = inner
    guard let hook = restores.value.withLock({ $0 }) else { return try await inner.commit(restore) }
    return try await hook(restore) { (restore) async throws(CommitError) in
      try await inner.commit(restore)
    }
  }

  func resolve(_ restore: RestoreCommit) async throws(CatalogError) -> CommitReceipt? {
    try await inner.resolve(restore)
  }
}
