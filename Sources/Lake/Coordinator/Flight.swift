import Catalog
import Consistency
import IngestBus
import Model
import ObjectStore
import Observability
import Runtime

/// One run of claimed tenants from the bus into a snapshot.
///
/// Files are durable before the commit names them; the bus is acknowledged after it. Whatever fails
/// in between leaves the events where they were.
struct Flight: Sendable {
  /// What a flight did for its tenants.
  struct Result: Sendable {
    var committed: [(tenant: TenantID, watermark: BarrierState.Watermark)] = []
    /// Tenants whose lease or watermark had moved; somebody else has them.
    var lost: [TenantID] = []
  }

  let bus: any IngestBus
  let catalog: any Catalog
  let store: any ObjectStore
  let materializers: MaterializerPool
  let metrics: DuckMeshMetrics
  let logger: Logger
  let owner: OwnerID
  let crashGuard: CrashGuard?

  /// Carries the claims into a snapshot; `endAttempt` is to follow, whatever comes of it.
  func run(_ claims: [TenantClaim]) async throws(EnvironmentFailure) -> Result {
    let suspects = await beginAttempt(claims)
    var files = FlightFiles()
    do {
      let result = try await carryOut(claims, suspects: suspects, &files)
      await files.discard(from: store)
      return result
    } catch {
      await files.discard(from: store)
      throw error
    }
  }

  private func carryOut(
    _ claims: [TenantClaim], suspects: Set<TenantID>, _ files: inout FlightFiles
  ) async throws(EnvironmentFailure) -> Result {
    let plan: BatchPlan
    do throws(BatchPlan.Failure) {
      plan = try BatchPlan(claims: claims)
    } catch {
      throw .damaged("\(error)")
    }
    CrashPoint.afterClaim.reached()
    metrics.coordinator.claimBatchSize.observe(
      plan.batches.reduce(0) { $0 + $1.events.count })
    var tables = try await materialize(plan.batches, suspects: suspects, &files)
    CrashPoint.afterMaterialize.reached()
    try await put(tables, &files)
    CrashPoint.afterPut.reached()
    var lost: [TenantID] = []
    while true {
      let fences = claims.filter { !lost.contains($0.tenant) }.map {
        TenantFence(tenant: $0.tenant, epoch: $0.epoch, from: $0.from, to: $0.to)
      }
      guard !fences.isEmpty else { return Result(lost: lost) }
      let flown = tables.filter { !lost.contains($0.batch.tenant) }
      let commit = eventCommit(flown, fences: fences)
      do {
        let receipt = try await catalog.commit(commit)
        CrashPoint.afterCommit.reached()
        files.keep(flown.compactMap(key(of:)))
        return finished(commit, receipt, plan: plan, lost: lost)
      } catch {
        metrics.coordinator.snapshotPublishFailures.increment()
        switch error {
        case .fenced(let tenants):
          metrics.coordinator.leaseLosses.increment(by: tenants.count)
          // The others' files are as good as before: they are committed again as they are.
          lost += tenants.isEmpty ? fences.map(\.tenant) : tenants
        case .tablesChanged(let changed):
          tables = try await rematerialize(
            tables, changed: Set(changed), suspects: suspects, &files)
        case .outcomeUnknown:
          // For good, whatever the catalog will say: once the commit's snapshot has expired nothing
          // tells any more that it was applied, and its files are the only place of its rows. A
          // process may sleep that long before it asks. The collector looks who names them.
          files.keepAll()
          guard let receipt = try await resolve(commit) else {
            // Not applied, or applied so long ago that it is forgotten, and fenced off: the tenants
            // are claimed anew from where the catalog stands.
            return Result(lost: lost + commit.fences.map(\.tenant))
          }
          return finished(commit, receipt, plan: plan, lost: lost)
        case .filesChanged, .inconsistent:
          throw .catalog("\(error)")
        case .unavailable(let reason): throw .catalog(reason)
        case .storageFull: throw .storageFull
        }
      }
    }
  }

  private func materialize(
    _ batches: [TableBatch], suspects: Set<TenantID>, _ files: inout FlightFiles
  ) async throws(EnvironmentFailure) -> [MaterializedTable] {
    let records: [TableRecord]
    do {
      records = try await catalog.tables(ids: Array(Set(batches.map(\.table))))
    } catch {
      throw .catalog("\(error)")
    }
    let byID = Dictionary(records.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    var tables: [MaterializedTable] = []
    for batch in batches {
      let path = store.stagingPath()
      files.willStage(path)
      let table = byID[batch.table]
      let probe = suspects.contains(batch.tenant) ? crashGuard?.probe : nil
      tables.append(
        try await materializers.run { (materializer) throws(EnvironmentFailure) in
          try materializer.materialize(batch, table: table, to: path, probing: probe)
        })
    }
    return tables
  }

  /// Makes the staged files durable under their final names.
  private func put(
    _ tables: [MaterializedTable], _ files: inout FlightFiles
  ) async throws(EnvironmentFailure) {
    let staged = tables.compactMap { table -> StagedObject? in
      guard let file = table.file, let key = key(of: table) else { return nil }
      return StagedObject(localPath: file.path, key: key)
    }
    guard !staged.isEmpty else { return }
    files.willPut(staged)
    do {
      try await store.put(staged)
    } catch .storageFull {
      throw .storageFull
    } catch {
      throw .storage("\(error)")
    }
    files.didPut(staged)
  }

  private func key(of table: MaterializedTable) -> String? {
    guard let file = table.file, let record = table.table else { return nil }
    return record.folder + name(of: file, epoch: table.batch.epoch)
  }

  /// The epoch in the name tells the collector of orphans whose file it was.
  private func name(of file: ParquetFile, epoch: LeaseEpoch) -> String {
    let staged = file.path.split(separator: "/").last.map(String.init) ?? file.path
    return DataFileName(epoch: epoch, kind: .events, stagedName: staged).text
  }

  private func eventCommit(
    _ tables: [MaterializedTable], fences: [TenantFence]
  ) -> EventCommit {
    EventCommit(
      id: .random(), owner: owner, fences: fences,
      tables: tables.compactMap { table in
        guard let record = table.table, !record.isDropped else { return nil }
        return (record.id, record.schemaVersion)
      },
      files: tables.compactMap { table in
        guard let file = table.file else { return nil }
        return NewDataFile(
          table: table.batch.table, name: name(of: file, epoch: table.batch.epoch),
          recordCount: file.recordCount, byteCount: file.byteCount,
          footerByteCount: file.footerByteCount, statistics: file.statistics)
      },
      ledger: tables.map {
        NewLedgerRow(tenant: $0.batch.tenant, table: $0.batch.table, counts: $0.counts)
      },
      deadLetters: tables.flatMap(\.deadLetters))
  }

  /// Only the tables that changed under the batch are done again.
  private func rematerialize(
    _ tables: [MaterializedTable], changed: Set<TableID>, suspects: Set<TenantID>,
    _ files: inout FlightFiles
  ) async throws(EnvironmentFailure) -> [MaterializedTable] {
    let again = try await materialize(
      tables.filter { changed.contains($0.batch.table) }.map(\.batch),
      suspects: suspects, &files)
    try await put(again, &files)
    return tables.filter { !changed.contains($0.batch.table) } + again
  }

  private func resolve(
    _ commit: EventCommit
  ) async throws(EnvironmentFailure) -> CommitReceipt? {
    do {
      return try await catalog.resolve(commit.id, owner: owner, fences: commit.fences)
    } catch {
      throw .catalog("the outcome of a commit could not be resolved: \(error)")
    }
  }

  private func finished(
    _ commit: EventCommit, _ receipt: CommitReceipt, plan: BatchPlan, lost: [TenantID]
  ) -> Result {
    metrics.coordinator.snapshotsPublished.increment()
    for letter in commit.deadLetters {
      metrics.coordinator.deadLetters.with(letter.reason).increment()
    }
    for claim in plan.claims where !lost.contains(claim.tenant) {
      for segment in claim.segments {
        metrics.freshness.writeToVisibleLatencyMs.observe(
          Double(receipt.time.microseconds - segment.publishedAt.microseconds) / 1_000)
      }
    }
    logger.info(
      "snapshot published",
      [
        .snapshotId: LogValue(receipt.snapshot.rawValue), .commitId: LogValue(commit.id.rawValue),
        .tenantCount: LogValue(commit.fences.count), .fileCount: LogValue(commit.files.count),
        .rowCount: LogValue(commit.files.reduce(0) { $0 + $1.recordCount }),
        .deadLetterCount: LogValue(commit.deadLetters.count),
        .linkedTraceIds: LogValue(plan.traceIDs.prefix(16).joined(separator: ",")),
      ])
    return Result(
      committed: commit.fences.map { fence in
        (fence.tenant, BarrierState.Watermark(token: fence.to, snapshot: receipt.snapshot))
      }, lost: lost)
  }
}
