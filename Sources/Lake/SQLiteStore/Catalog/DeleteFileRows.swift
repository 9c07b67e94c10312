import Catalog
import Model
import SQLite

/// Reads and writes the delete files of live data files.
///
/// A data file has at most one live delete file, which names all of its deleted rows. The one
/// before it ends at the snapshot at which the next one begins.
enum DeleteFileRows {
  /// A live data file and what is deleted of it.
  struct Live {
    let file: LiveFile
    let rowCount: Int64
    let deleteCount: Int64
  }

  static func live(
    of table: TableID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> [Live] {
    let row = try connection.statement(
      """
      SELECT f.data_file_id, d.delete_file_id, f.record_count, d.delete_count
      FROM ducklake_data_file f LEFT JOIN ducklake_delete_file d
        ON d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL
      WHERE f.table_id = ?1 AND f.end_snapshot IS NULL
      """
    ).bind(table.rawValue, at: 1)
    var files: [Live] = []
    while try row.step() {
      files.append(
        Live(
          file: LiveFile(dataFile: row.int64(0), deleteFile: row.optionalInt64(1)),
          rowCount: row.int64(2), deleteCount: row.optionalInt64(3) ?? 0))
    }
    return files
  }

  /// Ends the delete file of a live data file, if it has one.
  static func end(
    of dataFile: Int64, at snapshot: SnapshotID, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement(
      """
      UPDATE ducklake_delete_file SET end_snapshot = ?2
      WHERE data_file_id = ?1 AND end_snapshot IS NULL
      """
    ).bind(dataFile, at: 1).bind(snapshot.rawValue, at: 2).run()
  }

  /// Registers a delete file from the head's snapshot on.
  ///
  /// - Parameter dataFile: what it stands over; the delete file may not know it.
  static func insert(
    _ deletes: NewDeleteFile, over dataFile: Int64, head: inout LakeHead,
    _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement(
      """
      INSERT INTO ducklake_delete_file(delete_file_id, table_id, begin_snapshot, data_file_id, path,
        path_is_relative, format, delete_count, file_size_bytes, footer_size)
      VALUES (?, ?, ?, ?, ?, 1, 'parquet', ?, ?, ?)
      """
    ).bind(head.takeFileID(), at: 1).bind(deletes.table.rawValue, at: 2)
      .bind(head.snapshot.rawValue, at: 3).bind(dataFile, at: 4).bind(deletes.name, at: 5)
      .bind(deletes.deleteCount, at: 6).bind(deletes.byteCount, at: 7)
      .bind(deletes.footerByteCount, at: 8).run()
  }
}
