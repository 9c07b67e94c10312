/// SQL about changes between snapshots that both stores take as it is.
package enum ChangeSQL {
  /// Data files `f` of table $1 that changed after $2 and up to $3, with their delete files `d`.
  ///
  /// - Parameter place: how the database writes a numbered parameter.
  package static func changedFiles(_ columns: String, place: (Int) -> String) -> String {
    let (table, base, last) = (place(1), place(2), place(3))
    return """
      SELECT \(columns), f.end_snapshot, d.begin_snapshot FROM ducklake_data_file f
      LEFT JOIN ducklake_delete_file d
        ON d.data_file_id = f.data_file_id AND d.begin_snapshot <= \(last)
      WHERE f.table_id = \(table) AND f.begin_snapshot <= \(last) AND (
        f.begin_snapshot > \(base)
        OR (f.end_snapshot > \(base) AND f.end_snapshot <= \(last))
        OR f.partial_max > \(base)
        OR EXISTS (
          SELECT 1 FROM ducklake_delete_file x WHERE x.data_file_id = f.data_file_id
            AND x.begin_snapshot <= \(last)
            AND (x.begin_snapshot > \(base) OR x.partial_max > \(base))))
      ORDER BY f.data_file_id, d.begin_snapshot
      """
  }
}
