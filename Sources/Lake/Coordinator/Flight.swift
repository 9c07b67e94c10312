import Catalog
import Consistency
import Glibc
import IngestBus
import Model
import ObjectStore
import Observability
import Runtime

/// One run of claimed tenants from the bus into a snapshot.
///
/// `FlightProtocol` decides each step; here they are carried out. Files are durable before the
/// commit names them; the bus is acknowledged after it. Whatever fails in between leaves the events
/// where they were.
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
    let plan: BatchPlan
    do throws(BatchPlan.Failure) {
      plan = try BatchPlan(claims: claims)
    } catch {
      throw .damaged("\(error)")
    }
    CrashPoint.afterClaim.reached()
    metrics.coordinator.claimBatchSize.observe(
      plan.batches.reduce(0) { $0 + $1.tokenCount })
    return try await carry(plan, fences: claims.map(\.fence), suspects: suspects)
  }

  /// Carries dead letters that are asked for again into a snapshot, as `run` does with events.
  func replay(_ claim: ReplayClaim) async throws(EnvironmentFailure) -> Result {
    CrashPoint.afterReplayClaim.reached()
    return try await carry(BatchPlan(replaying: claim), fences: [claim.fence], suspects: [])
  }

  private func carry(
    _ plan: BatchPlan, fences: [TenantFence], suspects: Set<TenantID>
  ) async throws(EnvironmentFailure) -> Result {
    var work = FlightWork(plan: plan, suspects: suspects)
    var flight = FlightProtocol(
      fences: fences,
      parts: plan.batches.map { .init(tenant: $0.tenant, table: $0.table) })
    var action = flight.begin()
    while true {
      if case .finish(let end) = action { return try await finish(end, work) }
      action = await carryOut(action, of: &flight, &work)
    }
  }

  /// Does what the protocol says and tells it what came of it.
  ///
  /// - Returns: what is to be done next.
  private func carryOut(
    _ action: FlightProtocol.Action, of flight: inout FlightProtocol, _ work: inout FlightWork
  ) async -> FlightProtocol.Action {
    do throws(EnvironmentFailure) {
      switch action {
      case .materialize(let drafts):
        try await materialize(drafts, &work)
        CrashPoint.afterMaterialize.reached()
        return flight.materialized(drafts)
      case .put(let drafts):
        try await put(drafts, &work)
        CrashPoint.afterPut.reached()
        return flight.put()
      case .commit(let drafts, let fences):
        let commit = eventCommit(drafts.compactMap { work.tables[$0] }, fences: fences)
        work.commit = commit
        return flight.received(await send(commit, &work))
      case .resolve(let fences):
        guard let commit = work.commit else { return flight.notResolved() }
        work.receipt = try await resolve(commit, fences: fences)
        if work.receipt == nil { metrics.coordinator.leaseLosses.increment(by: fences.count) }
        return flight.resolved(isApplied: work.receipt != nil)
      case .finish: return action
      }
    } catch {
      work.failure = error
      if case .resolve = action { return flight.notResolved() }
      return flight.failed()
    }
  }

  private func finish(
    _ end: FlightProtocol.End, _ work: FlightWork
  ) async throws(EnvironmentFailure) -> Result {
    let result = work.result(of: end)
    if let commit = work.commit, let receipt = work.receipt, !end.hasFailed {
      report(commit, receipt, plan: work.plan, lost: end.lost)
    }
    await work.files.discard(end.discarded, from: store)
    if end.hasFailed { throw work.failure ?? .catalog("a flight failed without a cause") }
    return result
  }

  private func materialize(
    _ drafts: [FlightProtocol.Draft], _ work: inout FlightWork
  ) async throws(EnvironmentFailure) {
    let batches = drafts.map { work.plan.batches[$0.part] }
    let records: [TableRecord]
    do {
      records = try await catalog.tables(ids: Array(Set(batches.map(\.table))))
    } catch {
      throw .catalog("\(error)")
    }
    let byID = Dictionary(records.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    let done = await materializeTogether(drafts, tables: records, &work)
    for (draft, batch) in zip(drafts, batches) where !done.contains(draft) {
      let path = store.stagingPath()
      work.files.willStage([path])
      let table = byID[batch.table]
      let lookup = try await lookup(for: batch, in: table)
      // A letter may be one because it crashes the engine; it is tried where that does no harm.
      let isSuspect = batch.isReplay || work.suspects.contains(batch.tenant)
      let probe = isSuspect ? crashGuard?.probe : nil
      let upgrades = try await upgrades(of: batch, to: table)
      let paths = uploadPaths(of: batch, &work)
      let size: MaterializerPool.WorkSize =
        table.map { isSmall(batch, of: $0, work) } ?? true ? .small : .any
      let materialized = try await materializers.run(size) {
        (materializer) throws(EnvironmentFailure) in
        var materialized = try materializer.materialize(
          batch.upgraded(upgrades), table: table, lookup: lookup, to: path, probing: probe)
        do throws(EnvironmentFailure) {
          try materializer.add(batch.uploads, to: &materialized, paths: paths)
        } catch {
          // Nobody knows the paths yet of those that are one of several.
          for file in materialized.stagedFiles { unlink(file.path) }
          throw error
        }
        return materialized
      }
      work.files.willStage(materialized.stagedFiles.map(\.path))
      if materialized.liveFiles != nil {
        metrics.coordinator.keyLookupFiles.observe(materialized.written.outcome.filesSearched)
      }
      metrics.coordinator.batchesWritten.with("own").increment()
      work.tables[draft] = materialized
    }
  }

  /// Paths for files of uploads that must be written anew, known before any is written: a flight
  /// that fails finds all that there may be.
  private func uploadPaths(
    of batch: TableBatch, _ work: inout FlightWork
  ) -> Materializer.UploadPaths {
    let spares = batch.uploads.flatMap(\.batch.files).map { _ in store.stagingPath() }
    work.files.willStage(spares)
    let unused = Lock(spares)
    return Materializer.UploadPaths(
      source: { [store] in store.localPath(of: $0, in: $1) },
      staging: { [store] in unused.withLock { $0.popLast() } ?? store.stagingPath() })
  }

  /// The live files of a keyed table; none of any other.
  private func lookup(
    for batch: TableBatch, in table: TableRecord?
  ) async throws(EnvironmentFailure) -> KeyLookup {
    guard let table, table.definition.isKeyed, !table.isDropped else { return .nowhere }
    let key = table.primaryKeyColumnIDs
    var lookup: KeyLookup
    do {
      let files = try await catalog.lookupFiles(of: table.id, columns: key)
      lookup = KeyLookup(files, key: key, localPath: store.localPath(of:))
    } catch {
      throw .catalog("\(error)")
    }
    try await prepare(&lookup, for: batch, in: table)
    return lookup
  }

  /// How events of older schema versions come to the version that is written.
  private func upgrades(
    of batch: TableBatch, to table: TableRecord?
  ) async throws(EnvironmentFailure) -> [Int64: EventUpgrade] {
    guard let table, !table.isDropped else { return [:] }
    var upgrades: [Int64: EventUpgrade] = [:]
    for version in batch.staleVersions(for: table) {
      let found: TableRecord?
      do {
        found = try await catalog.tableVersions(of: table.id, below: version + 1, limit: 1)
          .first?.table
      } catch {
        throw .catalog("\(error)")
      }
      guard let found, found.schemaVersion == version, version < table.schemaVersion else {
        throw .damaged("events of a schema version that table \(table.id.rawValue) never had")
      }
      upgrades[version] = EventUpgrade(from: found, to: table)
    }
    return upgrades
  }

  /// Makes the staged files durable under their final names, and the uploads' files as well.
  private func put(
    _ drafts: [FlightProtocol.Draft], _ work: inout FlightWork
  ) async throws(EnvironmentFailure) {
    let tables = work.tables
    let staged = drafts.flatMap { tables[$0]?.objects ?? [] }
    let uploaded = drafts.flatMap { tables[$0]?.uploadedObjects ?? [] }
    guard !staged.isEmpty || !uploaded.isEmpty else { return }
    work.files.willPut(
      drafts.flatMap { draft in
        (tables[draft]?.keys ?? []).map { (draft: draft, key: $0) }
      })
    do {
      if !staged.isEmpty { try await store.put(staged) }
      if !uploaded.isEmpty { try await store.adopt(uploaded) }
    } catch .storageFull {
      throw .storageFull
    } catch {
      throw .storage("\(error)")
    }
    work.files.didPut(staged)
  }

  private func send(
    _ commit: EventCommit, _ work: inout FlightWork
  ) async -> FlightProtocol.CommitReply {
    do {
      work.receipt = try await catalog.commit(commit)
      CrashPoint.afterCommit.reached()
      return .applied
    } catch {
      metrics.coordinator.snapshotPublishFailures.increment()
      switch error {
      case .fenced(let tenants):
        metrics.coordinator.leaseLosses.increment(
          by: tenants.isEmpty ? commit.fences.count : tenants.count)
        return .fenced(tenants)
      case .tablesChanged(let changed):
        work.failure = .catalog("\(error)")
        metrics.coordinator.tableConflicts.increment(by: changed.count)
        return .tablesChanged(changed)
      // Claimed anew, they are as they are now.
      case .lettersChanged: return .fenced(commit.fences.map(\.tenant))
      case .outcomeUnknown: return .outcomeUnknown
      case .filesChanged, .inconsistent: work.failure = .catalog("\(error)")
      case .unavailable(let reason): work.failure = .catalog(reason)
      case .storageFull: work.failure = .storageFull
      }
      return .certainlyNotApplied
    }
  }

  private func eventCommit(
    _ tables: [MaterializedTable], fences: [TenantFence]
  ) -> EventCommit {
    EventCommit(
      id: .random(), owner: owner, fences: fences, tables: tables.compactMap(\.committed),
      files: tables.flatMap(\.newFiles), deletes: tables.flatMap(\.newDeletes),
      ledger: tables.map {
        NewLedgerRow(
          tenant: $0.batch.tenant, table: $0.batch.table, counts: $0.counts,
          removedRows: $0.written.outcome.removedRows,
          removedKeys: $0.written.outcome.removedKeys)
      },
      deadLetters: tables.flatMap(\.newDeadLetters), replays: tables.flatMap(\.replays),
      tombstones: tables.flatMap(\.tombstones))
  }

  private func resolve(
    _ commit: EventCommit, fences: [TenantFence]
  ) async throws(EnvironmentFailure) -> CommitReceipt? {
    do {
      return try await catalog.resolve(commit.id, owner: owner, fences: fences)
    } catch {
      throw .catalog("the outcome of a commit could not be resolved: \(error)")
    }
  }

  /// Reports a commit that was applied to metrics and log.
  private func report(
    _ commit: EventCommit, _ receipt: CommitReceipt, plan: BatchPlan, lost: [TenantID]
  ) {
    metrics.coordinator.snapshotsPublished.increment()
    let removedRows = commit.ledger.reduce(0) { $0 + $1.removedRows }
    metrics.coordinator.rowsRemoved.increment(by: Int(removedRows))
    metrics.coordinator.deleteFilesWritten.increment(by: commit.deletes.count)
    for letter in commit.deadLetters {
      metrics.coordinator.deadLetters.with(letter.reason).increment()
    }
    for replay in commit.replays {
      metrics.coordinator.replays.with(replay.settlement?.rawValue ?? "dead_letter").increment()
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
        .deleteFileCount: LogValue(commit.deletes.count), .removedRowCount: LogValue(removedRows),
        .deadLetterCount: LogValue(commit.deadLetters.count),
        .linkedTraceIds: LogValue(plan.traceIDs.prefix(16).joined(separator: ",")),
      ])
  }
}
