import Catalog
import Coordinator
import Model
import Observability

/// What came of a merge or a rewrite, for whoever asked, the metrics and the log.
extension Merger {
  /// It was not applied and never will be. Files whose commit was in doubt are left to the
  /// collector of orphans.
  func lost() -> CompactionSummary {
    metrics.maintenance.compactionRuns.with("lost").increment()
    return CompactionSummary(lost: 1)
  }

  /// - Parameter keys: of the files that the commit would have named.
  func notCommitted(
    _ error: CommitError, keys: [String]
  ) async throws(EnvironmentFailure) -> CompactionSummary {
    if error.isCertainlyNotApplied {
      // Nobody names the files and nobody will. If they stay, the collector of orphans has them.
      try? await store.delete(keys)
    }
    switch error {
    case .fenced, .filesChanged, .tablesChanged: return lost()
    case .storageFull: throw .storageFull
    case .inconsistent, .lettersChanged, .unavailable, .outcomeUnknown:
      metrics.maintenance.compactionRuns.with("failed").increment()
      throw .catalog("\(error)")
    }
  }

  /// - Parameters:
  ///   - output: nil when the inputs had no live row.
  ///   - movedDeletes: rows of the output that were deleted while it was written.
  func report(
    _ work: Work, _ output: Output?, _ receipt: CommitReceipt, movedDeletes: Int64 = 0
  ) -> CompactionSummary {
    let rows = output?.file.recordCount ?? 0
    let bytes = output?.file.byteCount ?? 0
    let dropped = work.inputs.reduce(0) { $0 + $1.recordCount } - rows
    metrics.maintenance.compactionRuns.with("completed").increment()
    metrics.maintenance.compactionBytesRewritten.increment(by: Int(bytes))
    metrics.maintenance.compactionRowsDropped.increment(by: Int(dropped))
    logger.info(
      work.step.keepsHistory ? "files merged" : "files rewritten",
      [
        .tableId: LogValue(work.table.id.rawValue), .fileCount: LogValue(work.inputs.count),
        .rowCount: LogValue(rows), .removedRowCount: LogValue(dropped),
        .movedDeleteCount: LogValue(movedDeletes), .fileBytes: LogValue(bytes),
        .snapshotId: LogValue(receipt.snapshot.rawValue),
      ])
    return CompactionSummary(
      merges: 1, rewrites: work.step.keepsHistory ? 0 : 1, filesMerged: work.inputs.count,
      bytesRewritten: bytes, deletedRowsDropped: dropped)
  }
}
