import Model

/// Whether the delete files of a commit remove exactly the rows that its ledger says.
///
/// What is live is read inside the commit's transaction; the rest is in the commit itself.
package enum RemovedRows {
  /// A data file of the lake under one of the commit's delete files.
  package struct Target: Sendable, Equatable {
    package let rowCount: Int64
    /// Rows that the delete file before names.
    package let deletedBefore: Int64

    package init(rowCount: Int64, deletedBefore: Int64) {
      self.rowCount = rowCount
      self.deletedBefore = deletedBefore
    }
  }

  /// What of one table's delete files contradicts the lake or the ledger; nil for sound ones.
  ///
  /// - Parameter targets: the live data files by their ids; those of the delete files are among
  ///   them.
  package static func contradiction(
    _ deletes: [NewDeleteFile], over targets: [Int64: Target], ledger: Int64
  ) -> String? {
    var removed: Int64 = 0
    for file in deletes {
      guard let target = targets[file.dataFile] else { return "deletes of a file that is not live" }
      guard file.deleteCount > target.deletedBefore, file.deleteCount <= target.rowCount else {
        return "\(file.deleteCount) rows of \(target.rowCount) deleted,"
          + " after \(target.deletedBefore)"
      }
      removed += file.deleteCount - target.deletedBefore
    }
    guard removed == ledger else {
      return "\(ledger) rows removed in a table's ledger, \(removed) in its delete files"
    }
    return nil
  }
}
