/// What a compaction did.
package struct CompactionSummary: Sendable, Equatable {
  package var tables = 0
  package var merges = 0
  /// Of the merges, those whose inputs had deleted rows or were no neighbours.
  package var rewrites = 0
  package var filesMerged = 0
  /// Of one table's files, of which the most were merged.
  package var mostMerged = 0
  package var bytesRewritten: Int64 = 0
  /// Deleted rows that the outputs do not hold any more.
  package var deletedRowsDropped: Int64 = 0
  /// Merges whose inputs had changed under them, or whose lease was lost.
  package var lost = 0

  static func + (left: Self, right: Self) -> Self {
    Self(
      tables: left.tables + right.tables,
      merges: left.merges + right.merges,
      rewrites: left.rewrites + right.rewrites,
      filesMerged: left.filesMerged + right.filesMerged,
      mostMerged: max(left.mostMerged, right.mostMerged),
      bytesRewritten: left.bytesRewritten + right.bytesRewritten,
      deletedRowsDropped: left.deletedRowsDropped + right.deletedRowsDropped,
      lost: left.lost + right.lost)
  }
}
