import Catalog
import Coordinator
import Model
import ObjectStore
import Observability
import Runtime

/// One turn of a restore: what it would commit, and the files that it has made for that.
struct RestoreWork: Sendable {
  let keepsFiles: Bool
  var tables: [RestoredTable] = []
  var keys: [String] = []
  var filesKept = 0
  var filesLinked = 0
  var filesRewritten = 0

  init(keepsFiles: Bool) { self.keepsFiles = keepsFiles }
}

extension Restorer {
  /// Makes the files of one table.
  func prepare(
    _ table: Table, at snapshot: SnapshotID, _ work: inout RestoreWork
  ) async throws(RestoreFailure) {
    let live = Set(table.live.map(\.live))
    var kept: [DataFileRecord] = []
    var added: [RestoredFile] = []
    var copies: [ObjectCopy] = []
    for file in table.then.files {
      if work.keepsFiles, live.contains(file.live), !file.isPartial(at: snapshot) {
        kept.append(file)
      } else if file.deletes == nil, file.partialMaximum == nil, table.now.schemaVersion == 1 {
        let name =
          file.folder(below: table.now.folder)
          + DataFileName(
            epoch: table.epoch, kind: .merge, stagedName: RandomHex.digits(24) + ".parquet"
          ).text
        copies.append(ObjectCopy(source: file.path, key: table.now.folder + name))
        added.append(.link(of: file, name: name))
      } else if let written = try await rewrite(file, of: table, at: snapshot, &work) {
        added.append(.written(written))
      }
    }
    work.keys += copies.map(\.key)
    try await copy(copies)
    let rows =
      kept.reduce(0) { $0 + $1.recordCount - ($1.deletes?.deleteCount ?? 0) }
      + added.reduce(0) { $0 + $1.recordCount }
    // Rows that another program has written are in no ledger.
    guard rows == table.rowCount || rows == table.then.wholeFileRowCount(at: snapshot) else {
      throw .environment(.engine("\(table.rowCount) rows are to come back, \(rows) would"))
    }
    work.filesKept += kept.count
    work.filesLinked += copies.count
    work.tables.append(
      RestoredTable(
        table: table.now.id, epoch: table.epoch, schemaVersion: table.now.schemaVersion,
        isDropped: table.now.isDropped, kept: kept, added: added))
  }

  private func copy(_ copies: [ObjectCopy]) async throws(RestoreFailure) {
    guard !copies.isEmpty else { return }
    do {
      try await store.copy(copies)
    } catch {
      throw .environment(error == .storageFull ? .storageFull : .storage("\(error)"))
    }
  }

  /// The rows of a file that the snapshot shows, as a file of today's columns; nil without any.
  private func rewrite(
    _ file: DataFileRecord, of table: Table, at snapshot: SnapshotID, _ work: inout RestoreWork
  ) async throws(RestoreFailure) -> NewDataFile? {
    let source = MergeSource(
      inputs: [file], table: table.now, isRewrite: true, through: snapshot,
      localPath: store.localPath(of:))
    let step = MergePlanner.Step(
      files: [MergePlanner.File(record: file, schemaVersion: 0)], keepsHistory: false)
    let output: Merger.Output
    do {
      output = try await merger.write(
        source, Merger.Work(epoch: table.epoch, table: table.now, step: step))
    } catch {
      throw .environment(error)
    }
    work.keys.append(output.key)
    guard output.file.recordCount > 0 else { return nil }
    work.filesRewritten += 1
    return output.newFile(of: table.now.id)
  }

  /// Commits. Files that no commit names are taken away; those of a commit whose outcome cannot be
  /// found out are left to the collector of orphans.
  ///
  /// - Returns: nil when it was refused since something has changed: it may be tried again.
  func send(
    _ commit: RestoreCommit, _ work: RestoreWork
  ) async throws(RestoreFailure) -> RestoreReceipt? {
    CrashPoint.restoreAfterPut.reached()
    let error: CommitError
    do {
      let receipt = try await catalog.commit(commit)
      CrashPoint.restoreAfterCommit.reached()
      return receipt
    } catch let refusal {
      error = refusal
    }
    if case .outcomeUnknown = error { return try await resolve(commit, work) }
    try? await store.delete(work.keys)
    switch error {
    case .filesChanged, .tablesChanged, .lettersChanged: return nil
    case .fenced: throw .busy
    case .storageFull: throw .environment(.storageFull)
    case .inconsistent(let reason), .unavailable(let reason), .outcomeUnknown(let reason):
      throw .environment(.catalog(reason))
    }
  }

  private func resolve(
    _ commit: RestoreCommit, _ work: RestoreWork
  ) async throws(RestoreFailure) -> RestoreReceipt? {
    let receipt = try await asking { () async throws(CatalogError) in
      try await self.catalog.resolve(commit)
    }
    guard let receipt else {
      try? await store.delete(work.keys)
      throw .environment(.catalog("the restore was not applied"))
    }
    let restored = commit.tables.reduce(0) { sum, table in
      sum + table.added.reduce(0) { $0 + $1.recordCount }
    }
    return RestoreReceipt(commit: receipt, restoredRows: restored, undoneRows: nil)
  }

  func report(
    _ receipt: RestoreReceipt, _ work: RestoreWork, _ tables: [Table]
  ) -> RestoreSummary {
    logger.info(
      "snapshot restored",
      [
        .snapshotId: LogValue(receipt.commit.snapshot.rawValue),
        .fileCount: LogValue(work.filesLinked + work.filesRewritten),
        .rowCount: LogValue(receipt.restoredRows),
        .removedRowCount: LogValue(receipt.undoneRows ?? 0),
      ])
    return RestoreSummary(
      commit: receipt.commit, tables: tables.map(\.now.name).sorted(), filesKept: work.filesKept,
      filesLinked: work.filesLinked, filesRewritten: work.filesRewritten,
      restoredRows: receipt.restoredRows, undoneRows: receipt.undoneRows)
  }
}

extension DataFileRecord {
  /// Whether the file holds rows that the snapshot does not show.
  fileprivate func isPartial(at snapshot: SnapshotID) -> Bool {
    partialMaximum.map { $0 > snapshot } ?? false
  }
}

extension TableManifest {
  /// The live rows of the files by what the catalog says of each; nil when that does not tell it,
  /// since a file or its deletes hold more than the snapshot shows.
  fileprivate func wholeFileRowCount(at snapshot: SnapshotID) -> Int64? {
    var rows: Int64 = 0
    for file in files {
      guard !file.isPartial(at: snapshot), file.deletes?.partialMaximum ?? snapshot <= snapshot
      else { return nil }
      rows += file.recordCount - (file.deletes?.deleteCount ?? 0)
    }
    return rows
  }
}
