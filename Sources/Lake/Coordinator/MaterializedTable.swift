import Catalog
import Consistency
import Model
import ObjectStore

/// One table's part of a commit, its files still in staging.
struct MaterializedTable: Sendable {
  let batch: TableBatch
  let table: TableRecord?
  var deadLetters: [NewDeadLetter]
  let written: WrittenBatch
  /// The live files among which a keyed table's keys were looked for.
  let liveFiles: Set<LiveFile>?
  /// Files of uploads that the commit takes as they are.
  var adopted: [AdoptedFile] = []
  /// Files of uploads written anew, still in staging.
  var rewritten: [ParquetFile] = []
  /// Rows of uploads that came too late for their table.
  var lateRows: Int64 = 0

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
      + LedgerCounts(inserted: uploadedRows, noOperation: lateRows)
      + (batch.isReplay
        ? LedgerCounts(replayed: Int64(batch.events.count) - refused)
        : LedgerCounts(deadLettered: refused))
  }

  private var uploadedRows: Int64 {
    rewritten.reduce(0) { $0 + $1.recordCount }
      + adopted.reduce(0) { $0 + $1.file.recordCount }
  }

  /// The files of rows in staging.
  private var dataFiles: [ParquetFile] { written.files + rewritten }

  /// All files in staging.
  var stagedFiles: [ParquetFile] {
    dataFiles + written.outcome.deletes.map(\.file)
  }

  /// The staged files with their keys in the object store.
  var objects: [StagedObject] {
    guard let table else { return [] }
    let data = dataFiles.map { ($0, DataFileName.Kind.events) }
    return (data + written.outcome.deletes.map { ($0.file, .deletes) }).map { file, kind in
      StagedObject(localPath: file.path, key: table.folder + name(of: file, kind))
    }
  }

  /// The uploads' files with their keys in the object store.
  var uploadedObjects: [UploadedObject] {
    guard let table else { return [] }
    return adopted.map {
      UploadedObject(upload: $0.upload, name: $0.file.name, key: table.folder + $0.name)
    }
  }

  /// All keys that the files get.
  var keys: [String] { objects.map(\.key) + uploadedObjects.map(\.key) }

  /// The epoch in the name tells the collector of orphans whose file it was.
  private func name(of file: ParquetFile, _ kind: DataFileName.Kind) -> String {
    file.folder + DataFileName(epoch: batch.epoch, kind: kind, stagedName: file.stagedName).text
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

  var newFiles: [NewDataFile] {
    dataFiles.map { file in
      NewDataFile(
        table: batch.table, name: name(of: file, .events), recordCount: file.recordCount,
        byteCount: file.byteCount, footerByteCount: file.footerByteCount,
        statistics: file.statistics, partition: file.partition)
    } + adopted.map { $0.newDataFile(batch.table) }
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
  /// One, or for a table with partitions one for each of them.
  var files: [ParquetFile] = []
  /// What became of the events; of a table without a key, all are inserted.
  var outcome = BatchOutcome()
  var failed: [RefusedEvent] = []

  var recordCount: Int64 { files.reduce(0) { $0 + $1.recordCount } }

  /// Whether each of the events that did not fail is counted once, and each inserted one is a row.
  func accountsFor(_ eventCount: Int) -> Bool {
    recordCount == outcome.counts.inserted
      && outcome.counts.total + Int64(outcome.refused.count + outcome.keyless.count)
        == Int64(eventCount)
  }
}

/// An event that the engine refuses by itself, with the engine's words.
struct RefusedEvent: Sendable {
  let event: PlannedEvent
  let message: String
}
