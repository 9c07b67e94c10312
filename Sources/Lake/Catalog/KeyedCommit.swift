import Consistency
import Model

/// A live data file, with the delete file that stands over it.
package struct LiveFile: Sendable, Hashable {
  package let dataFile: Int64
  package let deleteFile: Int64?

  package init(dataFile: Int64, deleteFile: Int64?) {
    self.dataFile = dataFile
    self.deleteFile = deleteFile
  }
}

/// A live data file in which primary keys are looked for.
package struct LookupFile: Sendable, Equatable {
  package let file: DataFileRecord
  /// What is known of the columns that were asked for; none for a column without statistics, such
  /// as one that was added after the file was written.
  package let statistics: [ColumnStatistics]

  package init(file: DataFileRecord, statistics: [ColumnStatistics]) {
    self.file = file
    self.statistics = statistics
  }
}

/// A table as the rows of a commit were made for it.
package struct CommittedTable: Sendable, Equatable {
  package let table: TableID
  package let schemaVersion: Int64
  /// The live files among which the batch's primary keys were looked for, all of them; nil when
  /// nothing was looked for.
  package let liveFiles: Set<LiveFile>?

  package init(table: TableID, schemaVersion: Int64, liveFiles: Set<LiveFile>? = nil) {
    self.table = table
    self.schemaVersion = schemaVersion
    self.liveFiles = liveFiles
  }
}

/// A delete file that is durable in the object store: every deleted row of one data file, those of
/// the delete file before it included.
package struct NewDeleteFile: Sendable, Equatable {
  package let table: TableID
  package let dataFile: Int64
  /// Below the table's folder.
  package let name: String
  /// All positions in the file.
  package let deleteCount: Int64
  package let byteCount: Int64
  package let footerByteCount: Int64

  package init(
    table: TableID, dataFile: Int64, name: String, deleteCount: Int64, byteCount: Int64,
    footerByteCount: Int64
  ) {
    self.table = table
    self.dataFile = dataFile
    self.name = name
    self.deleteCount = deleteCount
    self.byteCount = byteCount
    self.footerByteCount = footerByteCount
  }
}

/// Files of a table, with deletes or without, become one file of their live rows.
///
/// The inputs end at the snapshot of the commit; what older snapshots show stays in them until
/// retention.
package struct RewriteCommit: Sendable {
  package let id: CommitID
  package let owner: OwnerID
  package let epoch: LeaseEpoch
  package let table: TableID
  /// The table's schema version that the output was written under; refused with `tablesChanged`
  /// when it is another by now. Nil when there is no output.
  package let schemaVersion: Int64?
  /// The files that are replaced, with their delete files as they were read.
  package let inputs: [DataFileRecord]
  /// Nil when the inputs have no live row.
  package let output: NewDataFile?
  /// The rows of the output that were deleted from the inputs while it was written; its `dataFile`
  /// means nothing.
  package let outputDeletes: NewDeleteFile?
  /// Set when the output's rows are in row-id order without a gap; without it they carry their ids.
  package let rowIDStart: Int64?

  package init(
    id: CommitID, owner: OwnerID, epoch: LeaseEpoch, table: TableID, schemaVersion: Int64? = nil,
    inputs: [DataFileRecord], output: NewDataFile?, outputDeletes: NewDeleteFile? = nil,
    rowIDStart: Int64? = nil
  ) {
    self.id = id
    self.owner = owner
    self.epoch = epoch
    self.table = table
    self.schemaVersion = schemaVersion
    self.inputs = inputs
    self.output = output
    self.outputDeletes = outputDeletes
    self.rowIDStart = rowIDStart
  }

  /// What in the rewrite does not agree with itself: a bug of whoever made it.
  package var contradiction: String? {
    guard !inputs.isEmpty, Set(inputs.map(\.id)).count == inputs.count else {
      return "an input twice or none"
    }
    guard output.map({ $0.table == table }) ?? (outputDeletes == nil),
      outputDeletes.map({ $0.table == table && $0.deleteCount > 0 }) ?? true
    else { return "files of another table, or deletes without a file" }
    let read = inputs.reduce(0) { $0 + $1.recordCount - ($1.deletes?.deleteCount ?? 0) }
    let (written, deleted) = (output?.recordCount ?? 0, outputDeletes?.deleteCount ?? 0)
    guard read == written - deleted, output.map({ $0.recordCount > 0 }) ?? true else {
      return "\(read) live rows read, \(written) written and \(deleted) of them deleted"
    }
    return FilePartition.contradiction(inputs, output)
  }
}
