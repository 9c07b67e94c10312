import Catalog
import Model
import SQLite

/// Writes data files with their statistics.
enum DataFileRows {
  /// Registers a file of new rows at the head's snapshot.
  static func insert(
    _ file: NewDataFile, head: inout LakeHead, rowIDStart: Int64?, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    let id = head.takeFileID()
    let firstRow = try addToTableStatistics(file, connection)
    try insertRow(
      file, id: id, begin: head.snapshot, rowIDStart: rowIDStart ?? firstRow, partialMaximum: nil,
      connection)
    try insertStatistics(file, id: id, connection)
  }

  static func insertRow(
    _ file: NewDataFile, id: Int64, begin: SnapshotID, rowIDStart: Int64?,
    partialMaximum: SnapshotID?, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement(
      """
      INSERT INTO ducklake_data_file(data_file_id, table_id, begin_snapshot, path,
        path_is_relative, file_format, record_count, file_size_bytes, footer_size, row_id_start,
        partial_max, partition_id) VALUES (?, ?, ?, ?, 1, 'parquet', ?, ?, ?, ?, ?, ?)
      """
    ).bind(id, at: 1).bind(file.table.rawValue, at: 2).bind(begin.rawValue, at: 3)
      .bind(file.name, at: 4).bind(file.recordCount, at: 5).bind(file.byteCount, at: 6)
      .bind(file.footerByteCount, at: 7).bind(rowIDStart, at: 8)
      .bind(partialMaximum?.rawValue, at: 9).bind(file.partition?.partitioning, at: 10).run()
    if let partition = file.partition {
      try FilePartitionRows.insert(partition, of: id, table: file.table.rawValue, connection)
    }
  }

  static func insertStatistics(
    _ file: NewDataFile, id: Int64, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    for column in file.statistics {
      try connection.statement(
        "INSERT INTO ducklake_file_column_stats VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"
      ).bind(id, at: 1).bind(file.table.rawValue, at: 2).bind(column.columnID, at: 3)
        .bind(column.byteCount, at: 4).bind(column.valueCount, at: 5).bind(column.nullCount, at: 6)
        .bind(column.minimum, at: 7).bind(column.maximum, at: 8)
        .bind(column.containsNaN.map { $0 ? 1 : 0 }, at: 9).run()
    }
  }

  /// - Returns: the row id of the file's first row.
  private static func addToTableStatistics(
    _ file: NewDataFile, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> Int64 {
    try connection.statement(
      """
      INSERT INTO ducklake_table_stats VALUES (?1, ?2, ?2, ?3)
      ON CONFLICT (table_id) DO UPDATE SET record_count = record_count + ?2,
        next_row_id = next_row_id + ?2, file_size_bytes = file_size_bytes + ?3
      """
    ).bind(file.table.rawValue, at: 1).bind(file.recordCount, at: 2).bind(file.byteCount, at: 3)
      .run()
    let row = try connection.statement(
      "SELECT next_row_id FROM ducklake_table_stats WHERE table_id = ?"
    ).bind(file.table.rawValue, at: 1)
    _ = try row.step()
    defer { row.reset() }
    return row.int64(0) - file.recordCount
  }

  /// Puts a file on the schedule by which it is deleted after the grace period.
  static func schedule(
    id: Int64, path: String, now: Timestamp, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement(
      "INSERT INTO ducklake_files_scheduled_for_deletion VALUES (?, ?, 1, ?)"
    ).bind(id, at: 1).bind(path, at: 2).bind(now.catalogText, at: 3).run()
  }

  static func delete(id: Int64, _ connection: SQLiteConnection) throws(SQLiteError) {
    try connection.statement("DELETE FROM ducklake_data_file WHERE data_file_id = ?")
      .bind(id, at: 1).run()
    try connection.statement("DELETE FROM ducklake_file_column_stats WHERE data_file_id = ?")
      .bind(id, at: 1).run()
    try connection.statement(
      "DELETE FROM ducklake_file_partition_value WHERE data_file_id = ?"
    ).bind(id, at: 1).run()
  }
}
