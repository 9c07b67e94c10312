import Catalog
import Model
import Runtime
import WorkerPool
import WorkerProtocol

extension QueryService {
  /// Feeds of one tenant that hold snapshots at one time.
  private static let holdLimit = 1_000
  /// Kept snapshots of one feed.
  private static let snapshotLimit = 100_000
  /// How long snapshots stay held after the feed should have ended.
  private static let holdSlackMs = 60_000

  /// Tells the changes of a table.
  ///
  /// The range, and the snapshot before it, are held for as long: what is read here is read later
  /// by the worker, who may take as long as it is allowed to.
  func run(
    _ range: ChangeRange, _ request: QueryRequest, at target: QueryTarget,
    output: some AnswerSink
  ) async throws(QueryError) -> ScanStatistics {
    let tenant = target.tenant
    _ = try await reading { () async throws(CatalogError) in
      try await self.catalog.snapshot(range.from, tenant: tenant.id)
    }
    let before = try await reading { () async throws(CatalogError) in
      try await self.catalog.snapshot(before: range.from)
    }
    guard let before else { throw .changesNotKept }
    let hold = try await reading { () async throws(CatalogError) in
      try await self.catalog.hold(
        before...range.to, tenant: tenant.id, leaseMs: request.timeoutMs + Self.holdSlackMs,
        limit: Self.holdLimit)
    }
    guard let hold else { throw .tooManyWaiters }
    let result: Result<ScanStatistics, QueryError>
    do throws(QueryError) {
      let changes = try await changes(range, after: before, tenant)
      result = .success(try await feed(changes, request, tenant, output: output))
    } catch {
      result = .failure(error)
    }
    // A hold that cannot be given back ends with its lease. The request may be cancelled already.
    let catalog = catalog
    await BackgroundWork { try? await catalog.release(hold) }.value()
    return try result.get()
  }

  private func changes(
    _ range: ChangeRange, after base: SnapshotID, _ tenant: TenantRecord
  ) async throws(QueryError) -> ChangesSQL {
    let manifests = try await reading { () async throws(CatalogError) in
      try await self.catalog.manifests(tenant: tenant.id, names: [range.table], at: range.to)
    }
    guard let table = manifests.first?.table else { throw .tableNotFound(names: [range.table]) }
    let stubs = try await reading { () async throws(CatalogError) in
      try await self.catalog.snapshotStubs(after: base, limit: Self.snapshotLimit + 1)
    }
    let kept = stubs.map(\.id).filter { $0 <= range.to }
    guard kept.count <= Self.snapshotLimit else {
      throw .tooManySnapshots(limit: Self.snapshotLimit)
    }
    // Gone after all, between the look for it and the hold.
    guard kept.last == range.to else { throw .snapshotNotFound }
    let files = try await reading { () async throws(CatalogError) in
      try await self.catalog.changedFiles(of: table.id, after: base, through: range.to)
    }
    return ChangesSQL(
      table: table, base: base, kept: kept, files: files, localPath: store.localPath(of:))
  }

  private func feed(
    _ changes: ChangesSQL, _ request: QueryRequest, _ tenant: TenantRecord,
    output: some AnswerSink
  ) async throws(QueryError) -> ScanStatistics {
    var query = request.statement
    query.sql = changes.statement
    let relation = changes.relation
    do throws(WorkerError) {
      try await pool.run(
        query, tenant: binding(of: tenant),
        deadline: clock.now.advanced(byMs: request.timeoutMs),
        resolve: { _ in ResolvedRelations(relations: [relation]) }, output: output)
    } catch {
      throw queryError(error)
    }
    return ScanStatistics(
      files: changes.files.count, bytes: changes.files.reduce(0) { $0 + $1.file.byteCount })
  }
}
