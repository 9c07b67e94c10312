import Catalog
import Consistency
import Model
import ObjectStore

/// One table's part of a commit, its files still in staging.
struct MaterializedTable: Sendable {
  let batch: TableBatch
  let table: TableRecord?
  let deadLetters: [NewDeadLetter]
  let written: WrittenBatch
  /// The live files among which a keyed table's keys were looked for.
  let liveFiles: Set<LiveFile>?

  init(
    batch: TableBatch, table: TableRecord?, deadLetters: [NewDeadLetter],
    written: WrittenBatch = WrittenBatch(), liveFiles: Set<LiveFile>? = nil
  ) {
    self.batch = batch
    self.table = table
    self.deadLetters = deadLetters
    self.written = written
    self.liveFiles = liveFiles
  }

  var counts: LedgerCounts {
    let refused = Int64(deadLetters.count)
    // A letter that stays one is not counted again.
    return written.outcome.counts
      + (batch.isReplay
        ? LedgerCounts(replayed: Int64(batch.events.count) - refused)
        : LedgerCounts(deadLettered: refused))
  }

  /// All files in staging.
  var stagedFiles: [ParquetFile] {
    (written.file.map { [$0] } ?? []) + written.outcome.deletes.map(\.file)
  }

  /// The staged files with their keys in the object store.
  var objects: [StagedObject] {
    guard let table else { return [] }
    let data = written.file.map { [($0, DataFileName.Kind.events)] } ?? []
    return (data + written.outcome.deletes.map { ($0.file, .deletes) }).map { file, kind in
      StagedObject(localPath: file.path, key: table.folder + name(of: file, kind))
    }
  }

  /// The epoch in the name tells the collector of orphans whose file it was.
  private func name(of file: ParquetFile, _ kind: DataFileName.Kind) -> String {
    DataFileName(epoch: batch.epoch, kind: kind, stagedName: file.stagedName).text
  }
}

/// What the commit says of it.
extension MaterializedTable {
  /// - Returns: nil for a table that is no more.
  var committed: CommittedTable? {
    guard let table, !table.isDropped else { return nil }
    return CommittedTable(
      table: table.id, schemaVersion: table.schemaVersion, liveFiles: liveFiles)
  }

  var newFile: NewDataFile? {
    written.file.map { file in
      NewDataFile(
        table: batch.table, name: name(of: file, .events), recordCount: file.recordCount,
        byteCount: file.byteCount, footerByteCount: file.footerByteCount,
        statistics: file.statistics)
    }
  }

  var newDeletes: [NewDeleteFile] {
    written.outcome.deletes.map { deletes in
      NewDeleteFile(
        table: batch.table, dataFile: deletes.dataFile, name: name(of: deletes.file, .deletes),
        deleteCount: deletes.file.recordCount, byteCount: deletes.file.byteCount,
        footerByteCount: deletes.file.footerByteCount)
    }
  }
}

/// What the commit says of dead letters.
extension MaterializedTable {
  /// Those that the commit makes; a replay makes none.
  var newDeadLetters: [NewDeadLetter] { batch.isReplay ? [] : deadLetters }

  /// What became of those that the batch replays.
  var replays: [LetterReplay] {
    let refusals = Dictionary(deadLetters.map { ($0.token, $0) }) { first, _ in first }
    return batch.events.compactMap { event in
      guard let letter = batch.letters[event.token] else { return nil }
      let outcome =
        refusals[event.token].map {
          LetterReplay.Outcome.refused(reason: $0.reason, message: $0.message)
        } ?? written.outcome.fates[event.token] ?? .applied
      return LetterReplay(
        letter: letter.id, tenant: batch.tenant, table: batch.table, token: event.token,
        revision: letter.revision, outcome: outcome)
    }
  }

  var tombstones: [KeyTombstone] {
    written.outcome.deletedKeys.map {
      KeyTombstone(table: batch.table, keyHash: $0.hash, token: $0.token)
    }
  }
}

/// What the engine made of a batch's events.
struct WrittenBatch: Sendable {
  var file: ParquetFile?
  /// What became of the events; of a table without a key, all are inserted.
  var outcome = BatchOutcome()
  var failed: [RefusedEvent] = []

  /// Whether each of the events that did not fail is counted once, and each inserted one is a row.
  func accountsFor(_ eventCount: Int) -> Bool {
    file?.recordCount ?? 0 == outcome.counts.inserted
      && outcome.counts.total + Int64(outcome.refused.count + outcome.keyless.count)
        == Int64(eventCount)
  }
}

/// An event that the engine refuses by itself, with the engine's words.
struct RefusedEvent: Sendable {
  let event: PlannedEvent
  let message: String
}
