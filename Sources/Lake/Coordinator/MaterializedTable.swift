import Catalog
import Consistency
import Model

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
    written.keyed.counts + LedgerCounts(deadLettered: Int64(deadLetters.count))
  }

  /// All files in staging.
  var stagedFiles: [ParquetFile] {
    (written.file.map { [$0] } ?? []) + written.keyed.deletes.map(\.file)
  }
}

/// What the engine made of a batch's events.
struct WrittenBatch: Sendable {
  var file: ParquetFile?
  /// What became of the events; of a table without a key, all are inserted.
  var keyed = KeyedOutcome()
  var failed: [RefusedEvent] = []

  /// Whether each of the events that did not fail is counted once, and each inserted one is a row.
  func accountsFor(_ eventCount: Int) -> Bool {
    file?.recordCount ?? 0 == keyed.counts.inserted
      && keyed.counts.total + Int64(keyed.refused.count + keyed.keyless.count)
        == Int64(eventCount)
  }
}

/// An event that the engine refuses by itself, with the engine's words.
struct RefusedEvent: Sendable {
  let event: PlannedEvent
  let message: String
}
