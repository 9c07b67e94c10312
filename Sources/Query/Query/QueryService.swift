import Catalog
import Consistency
import Model
import ObjectStore
import Runtime
import WorkerPool
import WorkerProtocol

/// A query's snapshot, found and waited for.
package struct QueryTarget: Sendable {
  package let tenant: TenantRecord
  package let snapshot: SnapshotRecord
  package let deadLetterCount: Int64
  package let barrierWaitMs: Double
}

extension QueryTarget {
  fileprivate init(_ tenant: TenantRecord, _ progress: TenantProgress, barrierWaitMs: Double) {
    self.init(
      tenant: tenant, snapshot: progress.latest, deadLetterCount: progress.deadLetters,
      barrierWaitMs: barrierWaitMs)
  }
}

/// What a query reads, known once its tables are.
package struct ScanStatistics: Sendable, Equatable {
  package var files = 0
  package var bytes: Int64 = 0
  package init(files: Int = 0, bytes: Int64 = 0) {
    self.files = files
    self.bytes = bytes
  }
}

/// Where the resolver of one query leaves what it found.
final class ScanRecord: Sendable {
  let statistics = Lock(ScanStatistics())
}

/// Answers queries, each at one snapshot.
///
/// **Invariant:** a query that names a token runs on a snapshot whose watermark is at or above it,
/// or fails and says so; all tables of a query are read at the same snapshot.
package final class QueryService: Sendable {
  let catalog: any Catalog
  let store: any ObjectStore
  private let hub: VisibilityHub
  let pool: WorkerPool
  let clock: any MonotonicClock

  package init(
    catalog: any Catalog, store: any ObjectStore, hub: VisibilityHub, pool: WorkerPool,
    clock: any MonotonicClock
  ) {
    self.catalog = catalog
    self.store = store
    self.hub = hub
    self.pool = pool
    self.clock = clock
  }

  /// Finds the snapshot of a query, waiting at the barrier when it names a token.
  package func target(
    of request: QueryRequest, tenant: TenantRecord
  ) async throws(QueryError) -> QueryTarget {
    let started = clock.now
    let snapshot: SnapshotRecord
    switch request.selector {
    case .latest, .token(.none):
      return QueryTarget(tenant, try await progress(of: tenant), barrierWaitMs: 0)
    case .token(let token):
      let progress = try await barrier(token, request, tenant)
      return QueryTarget(
        tenant, progress, barrierWaitMs: (clock.now - started).milliseconds)
    case .snapshot(let id):
      snapshot = try await reading { () async throws(CatalogError) in
        try await self.catalog.snapshot(id, tenant: tenant.id)
      }
    case .time(let time):
      snapshot = try await reading { () async throws(CatalogError) in
        try await self.catalog.snapshot(at: time, tenant: tenant.id)
      }
    }
    let letters = try await reading { () async throws(CatalogError) in
      try await self.catalog.deadLetterCount(tenant: tenant.id)
    }
    return QueryTarget(
      tenant: tenant, snapshot: snapshot, deadLetterCount: letters, barrierWaitMs: 0)
  }

  /// The newest snapshot and the dead letters beside it, in one reading.
  private func progress(of tenant: TenantRecord) async throws(QueryError) -> TenantProgress {
    try await reading { () async throws(CatalogError) in
      try await self.catalog.progress(tenant: tenant.id)
    }
  }

  /// Runs the query on its snapshot.
  ///
  /// - Returns: what was read.
  package func run(
    _ request: QueryRequest, at target: QueryTarget, output: some AnswerSink
  ) async throws(QueryError) -> ScanStatistics {
    if let range = request.changes {
      return try await run(range, request, at: target, output: output)
    }
    let scan = ScanRecord()
    let binding = binding(of: target.tenant)
    do throws(WorkerError) {
      try await pool.run(
        request.statement, tenant: binding,
        deadline: clock.now.advanced(byMs: request.timeoutMs),
        resolve: { need in
          try await self.relations(
            need, target, timeZone: request.statement.timeZone, scan: scan)
        }, output: output)
    } catch {
      throw queryError(error)
    }
    return scan.statistics.withLock { $0 }
  }

  func binding(of tenant: TenantRecord) -> TenantBinding {
    TenantBinding(
      key: tenant.id.rawValue, readableFolders: [store.localPath(of: tenant.folder)])
  }

  private func relations(
    _ need: NeedMessage, _ target: QueryTarget, timeZone: String, scan: ScanRecord
  ) async throws(QueryError) -> ResolvedRelations {
    var missingTables = need.tables
    do throws(CatalogError) {
      let tenant = target.tenant.id
      let snapshot = target.snapshot.id
      var resolved = ResolvedRelations(relations: [])
      if need.wantsListing {
        resolved.listing = try await listing(tenant: tenant, at: snapshot)
      }
      guard !need.tables.isEmpty else { return resolved }
      let manifests = try await catalog.manifests(
        tenant: tenant, names: need.tables, at: snapshot)
      let found = Set(manifests.map { $0.table.name.lowercased() })
      let missing = need.tables.filter { !found.contains($0.lowercased()) }
      missingTables = missing
      guard missing.isEmpty else { throw CatalogError.tableNotFound }
      var pruned: [TableManifest] = []
      for manifest in manifests {
        pruned.append(try await self.pruned(manifest, need.filters, timeZone: timeZone))
      }
      let files = pruned.flatMap(\.files)
      scan.statistics.withLock {
        $0 = ScanStatistics(files: files.count, bytes: files.reduce(0) { $0 + $1.byteCount })
      }
      resolved.relations = pruned.map {
        RelationSQL(manifest: $0, localPath: store.localPath(of:)).relation
      }
      return resolved
    } catch {
      switch error {
      case .tableNotFound: throw .tableNotFound(names: missingTables)
      // It was there when the query began.
      case .snapshotNotFound: throw .snapshotGone
      default: throw QueryError(error)
      }
    }
  }

  /// The manifest without the files in which the statement can find nothing.
  private func pruned(
    _ manifest: TableManifest, _ filters: [ScanFilter], timeZone: String
  ) async throws(CatalogError) -> TableManifest {
    let table = manifest.table
    let pruning = FilePruning(table, filters: filters, timeZone: timeZone)
    guard !pruning.isEmpty, manifest.files.count >= FilePruning.leastFiles else { return manifest }
    let statistics = try await catalog.fileStatistics(
      of: table.id, columns: pruning.columnIDs, at: manifest.snapshot)
    return TableManifest(
      table: table, snapshot: manifest.snapshot,
      files: manifest.files.filter { pruning.keeps($0, statistics[$0.id] ?? []) })
  }

  func listing(
    tenant: TenantID, at snapshot: SnapshotID
  ) async throws(CatalogError) -> [ListedTable] {
    let comments = try await catalog.comments(tenant: tenant, at: snapshot)
    return try await catalog.manifests(tenant: tenant, names: nil, at: snapshot).map { manifest in
      let table = manifest.table
      let noted = comments.columns[table.id] ?? [:]
      return ListedTable(
        name: table.name,
        columns: zip(table.definition.schema.columns, table.columnIDs).map { column, id in
          ListedColumn(
            name: column.name, type: column.type.sqlName, isNullable: column.isNullable,
            defaultText: column.defaultValue?.catalogText, comment: noted[id])
        }, comment: comments.tables[table.id])
    }
  }

  func queryError(_ error: WorkerError) -> QueryError {
    switch error {
    case .failed(let failure) where failure.failure == .snapshotGone: .snapshotGone
    case .failed(let failure) where failure.failure == .cancelled: .cancelled
    case .failed(let failure): .failed(failure)
    case .queueFull: .queueFull
    case .timedOut: .timedOut
    case .cancelled: .cancelled
    case .workerLost: .workerLost
    case .unavailable(let reason): .unavailable(reason: reason)
    case .stopping: .stopping
    case .resolution(let error): error as? QueryError ?? .unavailable(reason: "\(error)")
    case .output: .cancelled
    }
  }
}

extension QueryService {
  /// Waits until a snapshot holds the token's event, as `BarrierProtocol` says.
  private func barrier(
    _ token: VisibilityToken, _ request: QueryRequest, _ tenant: TenantRecord
  ) async throws(QueryError) -> TenantProgress {
    let flow = BarrierProtocol(token: token, allowsDeadLetters: request.allowsDeadLetters)
    var progress = try await progress(of: tenant)
    var reason = ""
    var action = flow.readProgress(
      head: progress.head, watermark: progress.latest.watermark, voids: progress.voids)
    while true {
      switch action {
      case .answer: return progress
      case .wait:
        let outcome = await hub.wait(
          tenant: tenant.id, token: token, timeoutMs: request.consistencyTimeoutMs)
        action = flow.waited(Self.meaning(of: outcome))
      case .readLatestSnapshot:
        progress = try await self.progress(of: tenant)
        action = flow.readSnapshot(watermark: progress.latest.watermark)
      case .readDeadLetter:
        let standing = try await reading { () async throws(CatalogError) in
          try await self.catalog.standings(of: [token], tenant: tenant.id)
        }[token]
        let isShown = standing?.isShown(at: progress.latest.id) ?? true
        reason = standing?.reason ?? ""
        action = flow.readDeadLetter(isOne: !reason.isEmpty, isShown: isShown)
      case .fail(let failure):
        switch failure {
        case .tokenNeverIssued: throw .tokenNeverIssued
        case .tokenVoid: throw .tokenVoid(token)
        case .notReached:
          throw .consistencyTimeout(requested: token, latest: progress.latest.watermark)
        case .tooManyWaiters: throw .tooManyWaiters
        case .cancelled: throw .cancelled
        case .deadLettered: throw .deadLettered(token: token, reason: reason)
        }
      }
    }
  }

  private static func meaning(of outcome: VisibilityHub.Outcome) -> BarrierProtocol.WaitOutcome {
    switch outcome {
    case .visible: .released
    case .timedOut: .timedOut
    case .refused: .refused
    case .cancelled: .cancelled
    }
  }

  func reading<Value>(
    _ body: () async throws(CatalogError) -> Value
  ) async throws(QueryError) -> Value {
    do { return try await body() } catch { throw QueryError(error) }
  }
}
