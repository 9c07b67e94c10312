import Catalog
import Model
import PostgreSQL

/// Reads data files with their deletes, as rows or as arrays of one row.
enum FileRows {
  /// What is read of data files `f` with delete files `d`.
  static let columns = """
    f.data_file_id, f.path::TEXT AS path, f.record_count, f.file_size_bytes, f.begin_snapshot,
      f.row_id_start, f.partial_max, d.path::TEXT AS delete_path, d.delete_count,
      d.partial_max AS delete_partial_max, d.delete_file_id, f.partition_id,
      \(FilePartitionValues.text) AS partition_text
    """

  /// The same as arrays, of a subquery `s` that selects `columns` in order.
  static let arrays = """
    coalesce(array_agg(s.data_file_id), '{}') AS file_ids,
      coalesce(array_agg(s.path), '{}') AS paths,
      coalesce(array_agg(s.record_count), '{}') AS record_counts,
      coalesce(array_agg(s.file_size_bytes), '{}') AS sizes,
      coalesce(array_agg(s.begin_snapshot), '{}') AS begins,
      coalesce(array_agg(s.row_id_start), '{}') AS row_ids,
      coalesce(array_agg(s.partial_max), '{}') AS newest,
      coalesce(array_agg(s.delete_path), '{}') AS delete_paths,
      coalesce(array_agg(s.delete_count), '{}') AS delete_counts,
      coalesce(array_agg(s.delete_partial_max), '{}') AS delete_newest,
      coalesce(array_agg(s.delete_file_id), '{}') AS delete_ids,
      coalesce(array_agg(s.partition_id), '{}') AS partitionings,
      coalesce(array_agg(s.partition_text), '{}') AS partition_texts
    """

  /// The file of a row whose columns from `first` on are `columns`.
  static func record(
    _ rows: PostgreSQLRows, _ row: Int, from first: Int, folder: String
  ) -> DataFileRecord {
    DataFileRecord(
      id: rows.int64(row, first), path: folder + rows.text(row, first + 1),
      recordCount: rows.int64(row, first + 2), byteCount: rows.int64(row, first + 3),
      begin: SnapshotID(rows.int64(row, first + 4)),
      rowIDStart: rows.optionalInt64(row, first + 5),
      partialMaximum: rows.optionalInt64(row, first + 6).map(SnapshotID.init),
      deletes: rows.optionalText(row, first + 7).map { path in
        DeleteFileRecord(
          id: rows.int64(row, first + 10), path: folder + path,
          deleteCount: rows.int64(row, first + 8),
          partialMaximum: rows.optionalInt64(row, first + 9).map(SnapshotID.init))
      },
      partition: FilePartitionValues.partition(
        id: rows.optionalInt64(row, first + 11), text: rows.optionalText(row, first + 12)))
  }

  /// The files of a row whose columns from `first` on are `arrays`.
  static func records(
    _ rows: PostgreSQLRows, _ row: Int, from first: Int, folder: String
  ) -> [DataFileRecord] {
    let (ids, paths) = (rows.int64s(row, first), rows.texts(row, first + 1))
    let (counts, sizes) = (rows.int64s(row, first + 2), rows.int64s(row, first + 3))
    let (begins, rowIDs) = (rows.int64s(row, first + 4), rows.optionalInt64s(row, first + 5))
    let newest = rows.optionalInt64s(row, first + 6)
    let deletePaths = rows.optionalTexts(row, first + 7)
    let deleteCounts = rows.optionalInt64s(row, first + 8)
    let deleteNewest = rows.optionalInt64s(row, first + 9)
    let deleteIDs = rows.optionalInt64s(row, first + 10)
    let partitionings = rows.optionalInt64s(row, first + 11)
    let partitionTexts = rows.optionalTexts(row, first + 12)
    return ids.indices.map { index in
      DataFileRecord(
        id: ids[index], path: folder + paths[index], recordCount: counts[index],
        byteCount: sizes[index], begin: SnapshotID(begins[index]), rowIDStart: rowIDs[index],
        partialMaximum: newest[index].map(SnapshotID.init),
        deletes: deletePaths[index].map { path in
          DeleteFileRecord(
            id: deleteIDs[index] ?? 0, path: folder + path, deleteCount: deleteCounts[index] ?? 0,
            partialMaximum: deleteNewest[index].map(SnapshotID.init))
        },
        partition: FilePartitionValues.partition(
          id: partitionings[index], text: partitionTexts[index]))
    }
  }
}
