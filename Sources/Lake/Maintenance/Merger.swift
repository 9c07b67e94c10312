import Catalog
import Coordinator
import DuckDB
import Model
import ObjectStore
import Observability
import Runtime

/// What a compaction did.
package struct CompactionSummary: Sendable, Equatable {
  package var tables = 0
  package var merges = 0
  package var filesMerged = 0
  package var bytesRewritten: Int64 = 0
  /// Merges whose inputs had changed under them, or whose lease was lost.
  package var lost = 0

  static func + (left: Self, right: Self) -> Self {
    Self(
      tables: left.tables + right.tables, merges: left.merges + right.merges,
      filesMerged: left.filesMerged + right.filesMerged,
      bytesRewritten: left.bytesRewritten + right.bytesRewritten, lost: left.lost + right.lost)
  }
}

/// Merges small files into larger ones so that every snapshot reads the same rows as before.
///
/// Each row of the merged file carries the snapshot that added it, under the field id that DuckLake
/// reserves for that; a reader at an older snapshot leaves out the newer rows.
struct Merger: Sendable {
  private static let snapshotFieldID: Int64 = 2_147_483_539
  /// Longer than any merge: the commit needs the lease to be live.
  private static let leaseMs = 600_000

  let catalog: any Catalog
  let store: any ObjectStore
  let engine: MaterializerPool
  let planner: MergePlanner
  let metrics: DuckMeshMetrics
  let logger: Logger
  let owner: OwnerID

  /// Merges a table until nothing is left to do, at most `limit` times.
  func compact(_ table: TableID, limit: Int) async throws(EnvironmentFailure)
    -> CompactionSummary
  {
    var summary = CompactionSummary(tables: 1)
    for _ in 0..<limit {
      guard let step = try await mergeUnderLease(table) else { break }
      summary = summary + step
      if step.lost > 0 { break }
    }
    return summary
  }

  /// One merge, whose lease is given back however it ends: whoever comes next need not wait for it
  /// to run out.
  private func mergeUnderLease(
    _ id: TableID
  ) async throws(EnvironmentFailure) -> CompactionSummary? {
    let (epoch, table, inputs) = try await plan(id)
    guard let epoch else { return nil }
    var result: Result<CompactionSummary?, EnvironmentFailure> = .success(nil)
    if let table {
      do throws(EnvironmentFailure) {
        result = .success(try await merge(inputs, of: table, epoch: epoch))
      } catch {
        result = .failure(error)
      }
    }
    // A lease that cannot be given back runs out.
    try? await catalog.releaseTable(id, owner: owner, epoch: epoch)
    return try result.get()
  }

  private func merge(
    _ inputs: [DataFileRecord], of table: TableRecord, epoch: LeaseEpoch
  ) async throws(EnvironmentFailure) -> CompactionSummary {
    let path = store.stagingPath()
    let query = mergeQuery(inputs, table: table)
    let fields = zip(table.definition.schema.columns.map(\.name), table.columnIDs).map { ($0, $1) }
    let file: ParquetFile
    do {
      file = try await engine.withConnection { (connection) throws(DuckDBError) in
        try ParquetFile.write(
          query: query,
          fieldIDs: fields + [("_ducklake_internal_snapshot_id", Self.snapshotFieldID)],
          statisticsOf: Set(table.columnIDs), to: path, on: connection)
      }
    } catch {
      try? await store.discard(stagedPaths: [path])
      throw error
    }
    let staged = path.split(separator: "/").last.map(String.init) ?? path
    let name = DataFileName(epoch: epoch, kind: .merge, stagedName: staged).text
    do {
      try await store.put([StagedObject(localPath: path, key: table.folder + name)])
    } catch {
      try? await store.discard(stagedPaths: [path])
      try? await store.delete([table.folder + name])
      throw error == .storageFull ? .storageFull : .storage("\(error)")
    }
    CrashPoint.mergeAfterPut.reached()
    let merge = MergeCommit(
      id: .random(), owner: owner, epoch: epoch, table: table.id, inputs: inputs,
      output: NewDataFile(
        table: table.id, name: name, recordCount: file.recordCount, byteCount: file.byteCount,
        footerByteCount: file.footerByteCount, statistics: file.statistics),
      rowIDStart: inputs.first?.rowIDStart)
    return try await commit(merge, key: table.folder + name)
  }

  private func plan(
    _ id: TableID
  ) async throws(EnvironmentFailure) -> (LeaseEpoch?, TableRecord?, [DataFileRecord]) {
    do throws(CatalogError) {
      let files = try await catalog.liveFiles(of: id).map {
        MergePlanner.File(record: $0.file, schemaVersion: $0.schemaVersion)
      }
      let inputs = planner.next(files).map(\.record)
      guard !inputs.isEmpty,
        let epoch = try await catalog.leaseTable(id, owner: owner, leaseMs: Self.leaseMs)
      else { return (nil, nil, []) }
      // All inputs are of one version. Their file keeps its columns, those that were dropped since
      // included: older snapshots show them.
      let table = try await catalog.table(id, at: inputs[0].begin)
      return (epoch, table?.isDropped == false ? table : nil, inputs)
    } catch {
      throw .catalog("\(error)")
    }
  }

  /// The inputs' rows in row-id order, each with the snapshot that added it.
  private func mergeQuery(_ inputs: [DataFileRecord], table: TableRecord) -> String {
    let columns = table.definition.schema.columns
    let list = columns.map { SQLText.identifier($0.name) }.joined(separator: ", ")
    let fields = zip(columns, table.columnIDs).map { column, id in
      "\(id): {name: \(SQLText.literal(column.name)), "
        + "type: \(SQLText.literal(column.type.sqlName)), default_value: NULL}"
    }
    let paths = inputs.map { SQLText.literal(store.localPath(of: $0.path)) }
    let begins = inputs.map { String($0.begin.rawValue) }.joined(separator: ", ")
    return """
      SELECT \(list), coalesce(_dl_snapshot, ([\(begins)]::BIGINT[])[file_index::BIGINT + 1])
        AS _ducklake_internal_snapshot_id
      FROM read_parquet([\(paths.joined(separator: ", "))], schema = MAP {
        \(fields.joined(separator: ", ")),
        \(Self.snapshotFieldID): {name: '_dl_snapshot', type: 'BIGINT', default_value: NULL}})
      ORDER BY file_index, file_row_number
      """
  }

  private func commit(
    _ merge: MergeCommit, key: String
  ) async throws(EnvironmentFailure) -> CompactionSummary {
    do {
      guard let receipt = try await commitResolving(merge) else {
        // The file is left to the collector of orphans, like every one whose commit was in doubt.
        metrics.maintenance.compactionRuns.with("lost").increment()
        return CompactionSummary(lost: 1)
      }
      CrashPoint.mergeAfterCommit.reached()
      metrics.maintenance.compactionRuns.with("completed").increment()
      metrics.maintenance.compactionBytesRewritten.increment(by: Int(merge.output.byteCount))
      logger.info(
        "files merged",
        [
          .tableId: LogValue(merge.table.rawValue), .fileCount: LogValue(merge.inputs.count),
          .rowCount: LogValue(merge.output.recordCount),
          .fileBytes: LogValue(merge.output.byteCount),
          .snapshotId: LogValue(receipt.snapshot.rawValue),
        ])
      return CompactionSummary(
        merges: 1, filesMerged: merge.inputs.count, bytesRewritten: merge.output.byteCount)
    } catch {
      if error.isCertainlyNotApplied {
        // Nobody names the file and nobody will. If it stays, the collector of orphans has it.
        try? await store.delete([key])
      }
      switch error {
      case .fenced, .filesChanged, .tablesChanged:
        metrics.maintenance.compactionRuns.with("lost").increment()
        return CompactionSummary(lost: 1)
      case .storageFull: throw .storageFull
      case .inconsistent, .unavailable, .outcomeUnknown:
        metrics.maintenance.compactionRuns.with("failed").increment()
        throw .catalog("\(error)")
      }
    }
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
