import Catalog
import Coordinator
import IngestBus
import Model
import ObjectStore
import Observability
import Runtime

/// Compaction, retention and the integrity check, by themselves and on demand.
package final class MaintenanceService: Service {
  package let name = "maintenance"
  private let catalog: any Catalog
  private let limits: Limits.Maintenance
  private let clock: any MonotonicClock
  private let metrics: DuckMeshMetrics
  private let logger: Logger
  private let merger: Merger
  private let restorer: Restorer
  private let retention: Retention
  private let integrity: Integrity
  /// One at a time: the loop and a request never merge the same table side by side.
  private let turn = AsyncSemaphore(permits: 1, maximumWaiters: 64)
  private let restoreTurn = AsyncSemaphore(permits: 1, maximumWaiters: 16)
  private let integrityTurn = AsyncSemaphore(permits: 1, maximumWaiters: 64)

  /// Merges of one table in one round of the loop.
  private static let mergesPerRound = 8
  private static let tablesPerRound = 64
  /// How much sooner than usual the next round comes at most.
  private static let haste = 4

  /// - Parameters:
  ///   - uploads: nil where uploads are not collected.
  ///   - retained: nil where segments are not.
  package init(
    catalog: any Catalog, uploads: (any BatchBus)? = nil,
    retained: (any RetainedEvents)? = nil, store: any ObjectStore,
    engine: MaterializerPool, limits: Limits.Maintenance, clock: any MonotonicClock,
    wall: any WallClock,
    metrics: DuckMeshMetrics, logger: Logger
  ) {
    self.catalog = catalog
    self.limits = limits
    self.clock = clock
    self.metrics = metrics
    self.logger = logger
    let steadyClock = SteadyClock(wall: wall, monotonic: clock)
    let planner = MergePlanner(fanIn: limits.mergeFanIn, mergedFileBytes: limits.mergedFileBytes)
    merger = Merger(
      catalog: catalog, store: store, engine: engine, planner: planner, clock: steadyClock,
      metrics: metrics, logger: logger, owner: .random())
    restorer = Restorer(
      catalog: catalog, store: store,
      merger: Merger(
        catalog: catalog, store: store, engine: engine, planner: planner, clock: steadyClock,
        metrics: metrics, logger: logger, owner: .random()),
      clock: clock, logger: logger)
    retention = Retention(
      catalog: catalog, uploads: uploads, retained: retained, store: store,
      plan: RetentionPlan(
        keepAllSeconds: limits.keepAllSeconds, keepMinutelySeconds: limits.keepMinutelySeconds,
        keepHourlySeconds: limits.keepHourlySeconds),
      graceSeconds: limits.deletionGraceSeconds,
      backupWindowSeconds: limits.backupWindowSeconds,
      clock: steadyClock, metrics: metrics, logger: logger)
    integrity = Integrity(catalog: catalog, store: store, engine: engine)
  }

  package func run(shutdown: Shutdown) async throws {
    var nextRetention = clock.now
    var lastRound = clock.now.advanced(byMs: -limits.compactionIntervalMs)
    while !Task.isCancelled {
      let began = clock.now
      var round = CompactionSummary()
      await report("compaction") { () async throws(EnvironmentFailure) in
        let (summary, failure) = try await self.compact(
          mergesPerTable: Self.mergesPerRound, restedSince: nil)
        round = summary
        if let failure { throw failure }
      }
      if clock.now >= nextRetention {
        await report("retention") { () async throws(EnvironmentFailure) in
          _ = try await self.retainNow()
        }
        nextRetention = clock.now.advanced(byMs: limits.retentionIntervalSeconds * 1_000)
      }
      let gatheredForMs = Int((began - lastRound).milliseconds)
      lastRound = began
      let pause = clock.now.advanced(
        byMs: Self.pauseMs(limits, after: round, gatheredForMs: gatheredForMs))
      if await shutdown.wait(until: pause, on: clock) { return }
    }
  }

  /// The time to the next round: such that until then the table that gathers files the fastest
  /// gathers twice the fan-in, as far as the bounds allow.
  ///
  /// Files that are there count for nothing: a table may have many, and nothing to merge.
  ///
  /// - Parameter gatheredForMs: from the round before to this one.
  package static func pauseMs(
    _ limits: Limits.Maintenance, after round: CompactionSummary, gatheredForMs: Int
  ) -> Int {
    let longest = limits.compactionIntervalMs
    guard round.mostMerged > 0 else { return longest }
    let wanted = gatheredForMs * 2 * limits.mergeFanIn / round.mostMerged
    return min(max(wanted, longest / haste, 1), longest)
  }

  /// Maintenance that fails loses nothing: it is told and tried again in the next round.
  private func report(
    _ work: String, _ body: () async throws(EnvironmentFailure) -> Void
  ) async {
    do {
      try await body()
    } catch {
      logger.warning(
        "maintenance failed", errorCode: "MAINTENANCE_FAILED",
        [.serviceName: LogValue(work), .detail: LogValue("\(error)")])
    }
  }

  /// What the loop does in one round.
  package func compactRound() async throws(EnvironmentFailure) -> CompactionSummary {
    try await whole(compact(mergesPerTable: Self.mergesPerRound, restedSince: nil))
  }

  /// Merges everything that there is to merge, and rewrites what would be worth it after a rest.
  ///
  /// Files that come while it works have to rest, or upserts could keep it at one table for ever.
  package func compactNow() async throws(EnvironmentFailure) -> CompactionSummary {
    let newest: SnapshotID
    do throws(CatalogError) {
      newest = try await catalog.snapshot(before: SnapshotID(.max)) ?? SnapshotID(-1)
    } catch {
      throw .catalog("\(error)")
    }
    return try await whole(compact(mergesPerTable: 1_000, restedSince: newest))
  }

  private func whole(
    _ result: (CompactionSummary, EnvironmentFailure?)
  ) throws(EnvironmentFailure) -> CompactionSummary {
    if let failure = result.1 { throw failure }
    return result.0
  }

  /// - Returns: what was done, and what went wrong with the first of the tables that could not be
  ///   merged.
  private func compact(
    mergesPerTable: Int, restedSince: SnapshotID?
  ) async throws(EnvironmentFailure) -> (CompactionSummary, EnvironmentFailure?) {
    try await inTurn(turn) { () async throws(EnvironmentFailure) in
      var summary = CompactionSummary()
      var failure: EnvironmentFailure?
      for candidate in try await candidates() {
        do throws(EnvironmentFailure) {
          summary =
            try await summary
            + self.merger.compact(candidate, limit: mergesPerTable, restedSince: restedSince)
        } catch {
          // A table that cannot be merged (a lost file) must not keep the others from it.
          failure = failure ?? error
        }
      }
      return (summary, failure)
    }
  }

  /// Tables with many files, the most crowded one's first, and tables with files of which much is
  /// deleted.
  private func candidates() async throws(EnvironmentFailure) -> [TableID] {
    do throws(CatalogError) {
      let crowded = try await catalog.mergeCandidates(
        above: limits.mergeFanIn - 1, limit: Self.tablesPerRound)
      // Those that are certainly due first: of the others many may have to rest, or be too large.
      var candidates = crowded.map(\.table)
      for share in [MergePlanner.decayedShare, MergePlanner.restedShare] {
        let decayed = try await catalog.rewriteCandidates(above: share, limit: Self.tablesPerRound)
        candidates += decayed.filter { !candidates.contains($0) }
      }
      return candidates
    } catch {
      throw .catalog("\(error)")
    }
  }

  /// Thins out snapshots, deletes what nobody reads and what was never committed.
  package func retainNow() async throws(EnvironmentFailure) -> RetentionSummary {
    try await inTurn(turn) { () async throws(EnvironmentFailure) in
      var summary = RetentionSummary()
      summary.snapshotsExpired = try await self.retention.expireSnapshots()
      summary.filesDeleted = try await self.retention.deleteScheduledFiles()
      summary.orphansDeleted = try await self.retention.deleteOrphans()
      summary.uploadsDeleted = try await self.retention.deleteUploads()
      summary.segmentsDeleted = try await self.retention.trimSegments()
      return summary
    }
  }

  /// Puts the content that a tenant's tables had at a snapshot back, as a new snapshot.
  ///
  /// - Parameter names: any case; nil for all tables of the snapshot.
  package func restore(
    _ snapshot: SnapshotID, names: [String]?, tenant: TenantID
  ) async throws(RestoreFailure) -> RestoreSummary {
    do {
      try await restoreTurn.acquire(until: .distantFuture, on: clock)
    } catch {
      throw .busy
    }
    defer { restoreTurn.release() }
    return try await restorer.restore(snapshot, names: names, tenant: tenant)
  }

  /// - Parameter tenants: nil for all.
  package func checkIntegrity(
    tenants: [TenantID]?
  ) async throws(EnvironmentFailure) -> IntegrityReport {
    // One at a time: each takes a thread of the engine that flights need as well.
    let report = try await inTurn(integrityTurn) { () async throws(EnvironmentFailure) in
      try await self.integrity.check(tenants: tenants)
    }
    metrics.maintenance.integrityRuns.with(report.isClean ? "completed" : "failed").increment()
    metrics.maintenance.integrityFilesChecked.increment(by: report.filesChecked)
    metrics.maintenance.integrityMissingFiles.increment(by: report.missingFiles)
    metrics.maintenance.integritySizeMismatchFiles.increment(by: report.sizeMismatchFiles)
    if !report.isClean {
      logger.error(
        "integrity check failed", errorCode: "INTEGRITY_CHECK_FAILED",
        [
          .fileCount: LogValue(report.filesChecked),
          .detail: LogValue(report.violations.prefix(10).joined(separator: "; ")),
        ])
    }
    return report
  }

  private func inTurn<Value: Sendable>(
    _ turn: AsyncSemaphore, _ body: () async throws(EnvironmentFailure) -> Value
  ) async throws(EnvironmentFailure) -> Value {
    do {
      try await turn.acquire(until: .distantFuture, on: clock)
    } catch {
      throw .engine("too many maintenance runs wait")
    }
    defer { turn.release() }
    return try await body()
  }
}
