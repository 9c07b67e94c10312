import Catalog
import Consistency
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
    var work = FlightWork(plan: plan, suspects: suspects)
    var flight = FlightProtocol(
      fences: claims.map(\.fence),
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
    for (draft, batch) in zip(drafts, batches) {
      let path = store.stagingPath()
      work.files.willStage(path)
      let table = byID[batch.table]
      let probe = work.suspects.contains(batch.tenant) ? crashGuard?.probe : nil
      guard batch.uploads.isEmpty else {
        work.tables[draft] = try await materialize(
          batch, table: table, to: path, probing: probe, &work)
        continue
      }
      work.tables[draft] = try await materializers.run {
        (materializer) throws(EnvironmentFailure) in
        try materializer.materialize(batch, table: table, to: path, probing: probe)
      }
    }
  }

  /// A batch with uploads: their files are taken as they are where that is possible.
  private func materialize(
    _ batch: TableBatch, table: TableRecord?, to path: String, probing probe: CrashProbe?,
    _ work: inout FlightWork
  ) async throws(EnvironmentFailure) -> MaterializedTable {
    let store = store
    // Named beforehand, so that a flight that fails finds all that it may have written.
    let spares = batch.uploads.flatMap(\.batch.files).map { _ in store.stagingPath() }
    for spare in spares { work.files.willStage(spare) }
    return try await materializers.run { (materializer) throws(EnvironmentFailure) in
      var result = try materializer.materialize(batch, table: table, to: path, probing: probe)
      let unused = Lock(spares)
      let paths = Materializer.UploadPaths(
        source: { store.localPath(of: $0, in: $1) },
        staging: { unused.withLock { $0.popLast() } ?? store.stagingPath() })
      try materializer.add(batch.uploads, to: &result, paths: paths)
      return result
    }
  }

  /// Makes the staged files durable under their final names, and the uploads' files as well.
  private func put(
    _ drafts: [FlightProtocol.Draft], _ work: inout FlightWork
  ) async throws(EnvironmentFailure) {
    var staged: [(draft: FlightProtocol.Draft, object: StagedObject)] = []
    var adopted: [(draft: FlightProtocol.Draft, object: UploadedObject)] = []
    for draft in drafts {
      guard let table = work.tables[draft], let folder = table.table?.folder else { continue }
      staged += table.stagedFiles.map { file in
        let key = folder + name(of: file, epoch: table.batch.epoch)
        return (draft, StagedObject(localPath: file.path, key: key))
      }
      adopted += table.adopted.map { file in
        let key = folder + file.name
        return (draft, UploadedObject(upload: file.upload, name: file.file.name, key: key))
      }
    }
    guard !staged.isEmpty || !adopted.isEmpty else { return }
    work.files.willPut(
      staged.map { ($0.draft, $0.object.key) } + adopted.map { ($0.draft, $0.object.key) })
    do {
      if !staged.isEmpty { try await store.put(staged.map(\.object)) }
      if !adopted.isEmpty { try await store.adopt(adopted.map(\.object)) }
    } catch .storageFull {
      throw .storageFull
    } catch {
      throw .storage("\(error)")
    }
    work.files.didPut(staged.map(\.object))
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
        return .tablesChanged(changed)
      case .outcomeUnknown: return .outcomeUnknown
      case .filesChanged, .inconsistent: work.failure = .catalog("\(error)")
      case .unavailable(let reason): work.failure = .catalog(reason)
      case .storageFull: work.failure = .storageFull
      }
      return .certainlyNotApplied
    }
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
      files: tables.flatMap { table in
        table.stagedFiles.map { file in
          NewDataFile(
            table: table.batch.table, name: name(of: file, epoch: table.batch.epoch),
            recordCount: file.recordCount, byteCount: file.byteCount,
            footerByteCount: file.footerByteCount, statistics: file.statistics)
        } + table.adopted.map { $0.newDataFile(table.batch.table) }
      },
      ledger: tables.map {
        NewLedgerRow(tenant: $0.batch.tenant, table: $0.batch.table, counts: $0.counts)
      },
      deadLetters: tables.flatMap(\.deadLetters))
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
  }
}
