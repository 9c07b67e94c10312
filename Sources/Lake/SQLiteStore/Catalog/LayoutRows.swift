import Catalog
import Model
import SQLite

/// Writes how a table's rows lie in its files, as DuckLake keeps it.
enum LayoutRows {
  /// - Parameter partitioning: the id of the table's partitioning, when it has one.
  static func insert(
    _ table: TableRecord, head: inout LakeHead, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    let id = table.id.rawValue
    if let partitioning = table.partitioningID {
      try connection.statement("INSERT INTO ducklake_partition_info VALUES (?, ?, ?, NULL)")
        .bind(partitioning, at: 1).bind(id, at: 2).bind(head.snapshot.rawValue, at: 3).run()
      let fields = zip(table.definition.layout.partitioning, table.partitionColumnIDs)
      for (index, (field, column)) in fields.enumerated() {
        try connection.statement("INSERT INTO ducklake_partition_column VALUES (?, ?, ?, ?, ?)")
          .bind(partitioning, at: 1).bind(id, at: 2).bind(Int64(index), at: 3).bind(column, at: 4)
          .bind(field.transform.duckLakeName, at: 5).run()
      }
    }
    try insertOrder(table.definition.layout.sortOrder, of: id, head: &head, connection)
  }

  private static func insertOrder(
    _ fields: [SortField], of table: Int64, head: inout LakeHead, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    guard !fields.isEmpty else { return }
    let sort = head.takeCatalogID()
    try connection.statement("INSERT INTO ducklake_sort_info VALUES (?, ?, ?, NULL)")
      .bind(sort, at: 1).bind(table, at: 2).bind(head.snapshot.rawValue, at: 3).run()
    for (index, field) in fields.enumerated() {
      try connection.statement(
        "INSERT INTO ducklake_sort_expression VALUES (?, ?, ?, ?, 'duckdb', ?, ?)"
      ).bind(sort, at: 1).bind(table, at: 2).bind(Int64(index), at: 3)
        .bind(SQLText.identifier(field.column), at: 4).bind(field.direction, at: 5)
        .bind(field.nullOrder, at: 6).run()
    }
  }

  /// DuckLake's order names columns: where their names change, it has another one from then on.
  static func rename(
    _ old: [SortField], to new: [SortField], of table: Int64, head: inout LakeHead,
    _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    guard old != new else { return }
    try connection.statement(
      "UPDATE ducklake_sort_info SET end_snapshot = ? WHERE table_id = ? AND end_snapshot IS NULL"
    ).bind(head.snapshot.rawValue, at: 1).bind(table, at: 2).run()
    try insertOrder(new, of: table, head: &head, connection)
  }

  /// What a dropped table had applies again.
  static func revive(
    _ table: Int64, droppedAt dropped: Int64, at snapshot: Int64, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    for (name, key) in [("partition_info", "partition_id"), ("sort_info", "sort_id")] {
      try connection.prepare(
        """
        INSERT INTO ducklake_\(name) SELECT \(key), table_id, ?3, NULL FROM ducklake_\(name)
        WHERE table_id = ?1 AND end_snapshot = ?2
        """
      ).bind(table, at: 1).bind(dropped, at: 2).bind(snapshot, at: 3).run()
    }
  }
}

/// Writes the partitions of data files.
enum FilePartitionRows {
  /// What `PartitionText` reads, of the data file `f`.
  static let text = """
    (SELECT group_concat(v.partition_key_index || ':'
        || CASE WHEN v.partition_value IS NULL THEN '-' ELSE hex(v.partition_value) END)
      FROM ducklake_file_partition_value v
      WHERE f.partition_id IS NOT NULL AND v.data_file_id = f.data_file_id)
    """

  static func partition(id: Int64?, text: String?) -> FilePartition? {
    guard let id, let values = text.flatMap(PartitionText.values) else { return nil }
    return FilePartition(partitioning: id, values: values)
  }

  static func insert(
    _ partition: FilePartition, of file: Int64, table: Int64, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    for (index, value) in partition.values.enumerated() {
      try connection.statement("INSERT INTO ducklake_file_partition_value VALUES (?, ?, ?, ?)")
        .bind(file, at: 1).bind(table, at: 2).bind(Int64(index), at: 3).bind(value, at: 4).run()
    }
  }

  static func copy(
    from source: Int64, to file: Int64, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement(
      """
      INSERT INTO ducklake_file_partition_value
      SELECT ?2, table_id, partition_key_index, partition_value
      FROM ducklake_file_partition_value WHERE data_file_id = ?1
      """
    ).bind(source, at: 1).bind(file, at: 2).run()
  }
}
