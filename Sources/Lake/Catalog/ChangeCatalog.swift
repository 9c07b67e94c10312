import Model

/// A delete file of a data file, and where it stands in time.
package struct DeleteStep: Sendable, Equatable {
  package let deletes: DeleteFileRecord
  package let begin: SnapshotID

  package init(deletes: DeleteFileRecord, begin: SnapshotID) {
    self.deletes = deletes
    self.begin = begin
  }
}

/// A data file of whose rows some came or went in a range of snapshots.
package struct ChangedFile: Sendable, Equatable {
  /// Without a delete file: those are in `steps`.
  package let file: DataFileRecord
  /// The snapshot at which it ended; nil while it is live.
  package let end: SnapshotID?
  /// The delete files of the range in ascending order, after the last one before it.
  package let steps: [DeleteStep]

  package init(file: DataFileRecord, end: SnapshotID?, steps: [DeleteStep]) {
    self.file = file
    self.end = end
    self.steps = steps
  }
}

/// What changed between snapshots.
package protocol ChangeCatalog: Sendable {
  /// The newest snapshot before `id` that is kept, whichever tenant's it is.
  func snapshot(before id: SnapshotID) async throws(CatalogError) -> SnapshotID?

  /// The files of a table to which anything happened after `base` and up to `last`, read at one
  /// moment, in the order of their ids.
  func changedFiles(
    of table: TableID, after base: SnapshotID, through last: SnapshotID
  ) async throws(CatalogError) -> [ChangedFile]
}

extension ChangedFile {
  /// One for each data file, of rows that name a data file and one delete file of it, ordered by
  /// both. Of the delete files up to `base` the newest alone stays: it names what the others do.
  package static func gathered(_ rows: [ChangedFile], after base: SnapshotID) -> [ChangedFile] {
    var files: [ChangedFile] = []
    var start = rows.startIndex
    while start < rows.endIndex {
      let next = rows[start...].firstIndex { $0.file.id != rows[start].file.id } ?? rows.endIndex
      let steps = rows[start..<next].flatMap(\.steps)
      let first = max(0, (steps.firstIndex { $0.begin > base } ?? steps.count) - 1)
      let file = rows[start].file
      files.append(
        ChangedFile(
          file: DataFileRecord(
            id: file.id, path: file.path, recordCount: file.recordCount,
            byteCount: file.byteCount, begin: file.begin, rowIDStart: file.rowIDStart,
            partialMaximum: file.partialMaximum, deletes: nil),
          end: rows[start].end, steps: Array(steps[first...])))
      start = next
    }
    return files
  }
}
