import Catalog
import Coordinator
import DuckDB
import Model
import Runtime

extension Merger {
  /// Commits of one rewrite. Rows that are deleted while it is under way are looked up in the
  /// output, and it is tried again: that takes much less time than the rewrite did.
  private static let commitLimit = 6

  /// The live rows of the inputs become one file, or none.
  func rewrite(_ work: Work) async throws(EnvironmentFailure) -> CompactionSummary {
    let source = MergeSource(
      inputs: work.inputs, table: work.table, isRewrite: true, localPath: store.localPath(of:))
    var output: Output?
    if work.step.files.contains(where: { $0.liveRows > 0 }) {
      output = try await write(source, work)
    }
    let live = work.step.files.reduce(0) { $0 + $1.liveRows }
    guard output?.file.recordCount ?? 0 == live else {
      if let output { try? await store.delete([output.key]) }
      throw .engine("\(live) live rows gave \(output?.file.recordCount ?? 0)")
    }
    CrashPoint.mergeAfterPut.reached()
    return try await commit(source, output, work)
  }

  /// Commits until it is known what came of it; files of attempts that are given up are taken away.
  private func commit(
    _ source: MergeSource, _ output: Output?, _ work: Work
  ) async throws(EnvironmentFailure) -> CompactionSummary {
    var inputs = work.inputs
    var deletes: Output?
    var error = CommitError.filesChanged
    for _ in 0..<Self.commitLimit {
      let rewrite = commit(of: inputs, output, deletes, work)
      do throws(CommitError) {
        guard let receipt = try await commitResolving(rewrite) else { return lost() }
        CrashPoint.mergeAfterCommit.reached()
        return report(
          work, output, receipt, movedDeletes: deletes?.file.recordCount ?? 0)
      } catch let refusal {
        error = refusal
      }
      guard case .filesChanged = error, let output,
        let present = try await present(inputs, of: work.table.id)
      else { break }
      if let deletes { try? await store.delete([deletes.key]) }
      deletes = nil
      inputs = present
      do throws(EnvironmentFailure) {
        deletes = try await moveDeletes(from: source, to: output, present, work)
      } catch {
        try? await store.delete([output.key])
        throw error
      }
    }
    return try await notCommitted(error, keys: [output, deletes].compactMap { $0?.key })
  }

  private func commit(
    of inputs: [DataFileRecord], _ output: Output?, _ deletes: Output?, _ work: Work
  ) -> RewriteCommit {
    let table = work.table.id
    return RewriteCommit(
      id: .random(), owner: owner, epoch: work.epoch, table: table,
      schemaVersion: work.table.schemaVersion, inputs: inputs,
      output: output?.newFile(of: table),
      outputDeletes: deletes.map {
        NewDeleteFile(
          table: table, dataFile: 0, name: $0.name, deleteCount: $0.file.recordCount,
          byteCount: $0.file.byteCount, footerByteCount: $0.file.footerByteCount)
      })
  }

  /// The inputs as they are now; nil when one of them is not live any more.
  private func present(
    _ inputs: [DataFileRecord], of table: TableID
  ) async throws(EnvironmentFailure) -> [DataFileRecord]? {
    let live: [DataFileRecord]
    do {
      live = try await catalog.liveFiles(of: table).map(\.file)
    } catch {
      throw .catalog("\(error)")
    }
    let byID = Dictionary(live.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    let present = inputs.compactMap { byID[$0.id] }
    return present.count == inputs.count ? present : nil
  }

  /// Writes the delete file of the output's rows that were deleted from the inputs meanwhile.
  private func moveDeletes(
    from source: MergeSource, to output: Output, _ present: [DataFileRecord], _ work: Work
  ) async throws(EnvironmentFailure) -> Output? {
    let data = store.localPath(of: output.key)
    guard let positions = source.movedPositions(of: present, to: data) else { return nil }
    let deletes = try await put(.mergeDeletes, work) { (connection, path) throws(DuckDBError) in
      try ParquetFile.writeDeletes(of: data, positions: positions, to: path, on: connection)
    }
    // All that changed may be a delete file that another writer has put in another's place.
    guard deletes.file.recordCount > 0 else {
      try? await store.delete([deletes.key])
      return nil
    }
    return deletes
  }

  private func commitResolving(
    _ rewrite: RewriteCommit
  ) async throws(CommitError) -> CommitReceipt? {
    do {
      return try await catalog.commit(rewrite)
    } catch {
      guard case .outcomeUnknown = error else { throw error }
      do {
        return try await catalog.resolve(rewrite)
      } catch _ {
        throw error
      }
    }
  }
}
