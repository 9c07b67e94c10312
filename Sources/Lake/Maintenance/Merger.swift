import Catalog
import Coordinator
import DuckDB
import Model
import ObjectStore
import Observability
import Runtime

/// Makes files of a table into one, in either of two ways.
///
/// A merge keeps history: each row of the new file carries the snapshot that added it, under the
/// field id that DuckLake reserves for that, and a reader at an older snapshot leaves out the newer
/// rows. A rewrite leaves deleted rows out; what older snapshots show stays in the files it ends.
struct Merger: Sendable {
  /// Longer than any merge: the commit needs the lease to be live.
  private static let leaseMs = 600_000

  let catalog: any Catalog
  let store: any ObjectStore
  let engine: MaterializerPool
  let planner: MergePlanner
  let clock: SteadyClock
  let metrics: DuckMeshMetrics
  let logger: Logger
  let owner: OwnerID

  /// One merge or rewrite under the table's lease.
  struct Work: Sendable {
    let epoch: LeaseEpoch
    let table: TableRecord
    let step: MergePlanner.Step

    var inputs: [DataFileRecord] { step.files.map(\.record) }

    /// What it is to the engine: many merges are of files with a few rows each.
    var size: MaterializerPool.WorkSize {
      let isSmall =
        inputs.reduce(0) { $0 + $1.recordCount } <= Self.fewRows
        && inputs.reduce(0) { $0 + $1.byteCount } <= Self.fewBytes
        && table.fieldIDs.leafCount <= MaterializerPool.WorkSize.smallColumns
      return isSmall ? .small : .any
    }

    private static let fewRows: Int64 = 10_240
    private static let fewBytes: Int64 = 4 << 20
  }

  /// A file that is durable in the object store and that no commit names yet.
  struct Output: Sendable {
    let name: String
    let key: String
    let file: ParquetFile
  }

  /// Merges a table until nothing is left to do, at most `limit` times.
  ///
  /// - Parameter restedSince: files that began then or before have rested, whatever their age; nil
  ///   where each has to come of age.
  func compact(
    _ table: TableID, limit: Int, restedSince: SnapshotID?
  ) async throws(EnvironmentFailure) -> CompactionSummary {
    var summary = CompactionSummary(tables: 1)
    for _ in 0..<limit {
      guard let step = try await mergeUnderLease(table, restedSince: restedSince) else { break }
      summary = summary + step
      if step.lost > 0 { break }
    }
    summary.mostMerged = summary.filesMerged
    return summary
  }

  /// One merge, whose lease is given back however it ends: whoever comes next need not wait for it
  /// to run out.
  private func mergeUnderLease(
    _ id: TableID, restedSince: SnapshotID?
  ) async throws(EnvironmentFailure) -> CompactionSummary? {
    let (epoch, work) = try await plan(id, restedSince: restedSince)
    guard let epoch else { return nil }
    var result: Result<CompactionSummary?, EnvironmentFailure> = .success(nil)
    if let work {
      do throws(EnvironmentFailure) {
        result = .success(
          work.step.keepsHistory ? try await merge(work) : try await rewrite(work))
      } catch {
        result = .failure(error)
      }
    }
    // A lease that cannot be given back runs out.
    try? await catalog.releaseTable(id, owner: owner, epoch: epoch)
    return try result.get()
  }

  private func plan(
    _ id: TableID, restedSince: SnapshotID?
  ) async throws(EnvironmentFailure) -> (LeaseEpoch?, Work?) {
    do throws(CatalogError) {
      guard let table = try await catalog.tables(ids: [id]).first, !table.isDropped else {
        return (nil, nil)
      }
      let files = try await catalog.liveFiles(of: id).map {
        MergePlanner.File(record: $0.file, schemaVersion: $0.schemaVersion)
      }
      let rested: SnapshotID
      if let restedSince {
        rested = restedSince
      } else {
        rested = try await ofAge(files, table)
      }
      guard
        let step = planner.next(
          files, isKeyed: table.definition.isKeyed,
          isClustered: table.definition.layout.isClustered, versionBegin: table.versionBegin,
          restedSince: rested),
        let epoch = try await catalog.leaseTable(id, owner: owner, leaseMs: Self.leaseMs)
      else { return (nil, nil) }
      // As it is now that nobody else merges it. A merge's inputs are of one version, and their
      // file keeps its columns, those that were dropped since included: older snapshots show them.
      // What a rewrite writes is read from now on only, so it has the columns of today.
      let current =
        step.keepsHistory
        ? try await catalog.table(id, at: step.files[0].record.begin)
        : try await catalog.tables(ids: [id]).first
      guard let current, !current.isDropped else { return (epoch, nil) }
      return (epoch, Work(epoch: epoch, table: current, step: step))
    } catch {
      throw .catalog("\(error)")
    }
  }

  /// The snapshot at or before which files began that have come of age by now.
  private func ofAge(
    _ files: [MergePlanner.File], _ table: TableRecord
  ) async throws(CatalogError) -> SnapshotID {
    guard let rest = planner.restMs(files) else { return SnapshotID(-1) }
    do throws(CatalogError) {
      let before = clock.now.adding(milliseconds: -rest)
      return try await catalog.snapshot(at: before, tenant: table.tenant).id
    } catch {
      guard case .snapshotNotFound = error else { throw error }
      return SnapshotID(-1)
    }
  }

  private func merge(_ work: Work) async throws(EnvironmentFailure) -> CompactionSummary {
    let output = try await write(
      MergeSource(
        inputs: work.inputs, table: work.table, isRewrite: false, localPath: store.localPath(of:)),
      work)
    CrashPoint.mergeAfterPut.reached()
    let merge = MergeCommit(
      id: .random(), owner: owner, epoch: work.epoch, table: work.table.id, inputs: work.inputs,
      output: output.newFile(of: work.table.id),
      // Rows that are not in the order of their ids carry them.
      rowIDStart: work.table.definition.layout.isClustered
        ? nil : work.inputs.first?.rowIDStart)
    do {
      guard let receipt = try await commitResolving(merge) else { return lost() }
      CrashPoint.mergeAfterCommit.reached()
      return report(work, output, receipt)
    } catch {
      return try await notCommitted(error, keys: [output.key])
    }
  }

  /// Writes the rows of a source and makes them durable.
  func write(
    _ source: MergeSource, _ work: Work
  ) async throws(EnvironmentFailure) -> Output {
    let table = work.table
    return try await put(.merge, work) { (connection, path) throws(DuckDBError) in
      if let setup = source.setup { try connection.execute(setup) }
      var file = try ParquetFile.write(
        query: source.query, fieldIDs: source.fields, statisticsOf: Set(table.columnIDs),
        to: path, on: connection)
      file.partition = source.inputs.first?.partition
      file.folder = source.inputs.first?.folder(below: table.folder) ?? ""
      return file
    }
  }

  /// Has a file written in staging and makes it durable under the table's folder.
  func put(
    _ kind: DataFileName.Kind, _ work: Work,
    _ write: @escaping @Sendable (DuckDBConnection, String) throws(DuckDBError) -> ParquetFile
  ) async throws(EnvironmentFailure) -> Output {
    let path = store.stagingPath()
    let file: ParquetFile
    do {
      file = try await engine.withConnection(work.size) { (connection) throws(DuckDBError) in
        try write(connection, path)
      }
    } catch {
      try? await store.discard(stagedPaths: [path])
      throw error
    }
    let name =
      file.folder
      + DataFileName(epoch: work.epoch, kind: kind, stagedName: file.stagedName).text
    let key = work.table.folder + name
    do {
      try await store.put([StagedObject(localPath: path, key: key)])
    } catch {
      try? await store.discard(stagedPaths: [path])
      try? await store.delete([key])
      throw error == .storageFull ? .storageFull : .storage("\(error)")
    }
    return Output(name: name, key: key, file: file)
  }

  /// Commits, and finds out what became of it when no answer came.
  ///
  /// - Returns: nil when the answer was that it was not applied and never will be.
  private func commitResolving(_ merge: MergeCommit) async throws(CommitError) -> CommitReceipt? {
    do {
      return try await catalog.commit(merge)
    } catch {
      guard case .outcomeUnknown = error else { throw error }
      do {
        return try await catalog.resolve(merge)
      } catch _ {
        throw error
      }
    }
  }
}

extension Merger.Output {
  func newFile(of table: TableID) -> NewDataFile {
    NewDataFile(
      table: table, name: name, recordCount: file.recordCount, byteCount: file.byteCount,
      footerByteCount: file.footerByteCount, statistics: file.statistics,
      partition: file.partition)
  }
}

extension DataFileRecord {
  /// The folders that the file is in below its table's, with a trailing slash; empty for none.
  func folder(below table: String) -> String {
    guard path.hasPrefix(table), let end = path.lastIndex(of: "/") else { return "" }
    return String(path[..<path.index(after: end)].dropFirst(table.count))
  }
}
