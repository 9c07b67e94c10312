/// SQL about the history of tables that both stores take as it is.
package enum TableHistorySQL {
  /// Whether table `t` stands at a snapshot: not before it was made, nor between its drop and the
  /// restore that brought it back.
  package static func isShown(at snapshot: String) -> String {
    """
    t.created_snapshot <= \(snapshot)
      AND (t.dropped_snapshot IS NULL OR t.dropped_snapshot > \(snapshot))
      AND EXISTS (SELECT 1 FROM ducklake_table l WHERE l.table_id = t.table_id
        AND l.begin_snapshot <= \(snapshot)
        AND (l.end_snapshot IS NULL OR l.end_snapshot > \(snapshot)))
    """
  }

  /// A query that has rows when a snapshot is kept that shows the dropped table `t` as it was at
  /// its end. Without one its last files may be gone.
  ///
  /// What the table held changed last at the newest of: a commit of the ledger that inserted or
  /// removed rows, or put rows back, and the end of a file before the drop, by which a rewrite
  /// shows. Expiry hands the ledger's rows on to the next snapshot that stays, so they may say a
  /// later snapshot, but never one after a snapshot that is kept and shows what they stand for.
  package static let shownState = """
    SELECT 1 FROM ducklake_snapshot kept WHERE kept.snapshot_id < t.dropped_snapshot
      AND EXISTS (
        SELECT 1 FROM duckmesh_ledger l WHERE l.tenant_id = t.tenant_id
          AND l.table_id = t.table_id AND (l.inserted > 0 OR l.removed_rows > 0
            OR l.restored_rows > 0 OR l.undone_rows > 0))
      AND NOT EXISTS (
        SELECT 1 FROM duckmesh_ledger l WHERE l.tenant_id = t.tenant_id
          AND l.table_id = t.table_id AND (l.inserted > 0 OR l.removed_rows > 0
            OR l.restored_rows > 0 OR l.undone_rows > 0)
          AND l.snapshot_id > kept.snapshot_id)
      AND NOT EXISTS (
        SELECT 1 FROM ducklake_data_file f WHERE f.table_id = t.table_id
          AND f.end_snapshot < t.dropped_snapshot AND f.end_snapshot > kept.snapshot_id)
    """
}
