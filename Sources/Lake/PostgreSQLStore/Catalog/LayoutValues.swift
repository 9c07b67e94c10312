import Catalog
import Model
import PostgreSQL

/// How a table's rows lie in its files, as parameters of the functions that write it.
enum LayoutValues {
  /// In the order of `parameters`.
  static func values(
    _ layout: TableLayout, columnIDs: [String: Int64]
  ) throws(CatalogError) -> [PostgreSQLValue] {
    guard let stored = StoredLayout(layout, columnIDs: columnIDs) else {
      throw .damaged(reason: "a layout of columns that the table has not")
    }
    return [
      .text(stored.partitioning), .text(stored.sortOrder),
      .int64s(layout.partitioning.compactMap { columnIDs[$0.column] }),
      .texts(layout.partitioning.map(\.transform.duckLakeName)),
    ] + order(layout.sortOrder)
  }

  static let parameters = """
    stored_partitioning TEXT, stored_order TEXT, partition_columns BIGINT[],
      partition_transforms TEXT[], \(orderParameters)
    """

  /// In the order of `orderParameters`.
  static func order(_ fields: [SortField]) -> [PostgreSQLValue] {
    [
      .texts(fields.map { SQLText.identifier($0.column) }), .texts(fields.map(\.direction)),
      .texts(fields.map(\.nullOrder)),
    ]
  }

  static let orderParameters = """
    sort_expressions TEXT[], sort_directions TEXT[], sort_nulls TEXT[]
    """

  /// SQL for how many catalog ids the layout takes.
  static let idCount = "\(count("partition_columns")) + \(orderIDCount)"
  static let orderIDCount = count("sort_expressions")

  private static func count(_ list: String) -> String { "least(cardinality(\(list)), 1)" }

  /// Inserts the rows of a new table, whose partitioning has the id after its own.
  static let insertion = """
    IF cardinality(partition_columns) > 0 THEN
        INSERT INTO ducklake_partition_info(partition_id, table_id, begin_snapshot)
        VALUES (made_table + 1, made_table, opening.opened);
        INSERT INTO ducklake_partition_column(partition_id, table_id, partition_key_index,
          column_id, transform)
        SELECT made_table + 1, made_table, made.place - 1, made.column_id, made.transform
        FROM unnest(partition_columns, partition_transforms)
          WITH ORDINALITY AS made(column_id, transform, place);
      END IF;
      \(orderInsertion(
        table: "made_table",
        id: "made_table + 1 + \(count("partition_columns"))"))
    """

  /// - Parameters:
  ///   - table: SQL for the table's id.
  ///   - id: SQL for the order's.
  static func orderInsertion(table: String, id: String) -> String {
    """
    IF cardinality(sort_expressions) > 0 THEN
        INSERT INTO ducklake_sort_info(sort_id, table_id, begin_snapshot)
        VALUES (\(id), \(table), opening.opened);
        INSERT INTO ducklake_sort_expression(sort_id, table_id, sort_key_index, expression, dialect,
          sort_direction, null_order)
        SELECT \(id), \(table), made.place - 1, made.expression, 'duckdb', made.direction,
          made.null_order
        FROM unnest(sort_expressions, sort_directions, sort_nulls)
          WITH ORDINALITY AS made(expression, direction, null_order, place);
      END IF;
    """
  }
}

/// The partitions of data files.
enum FilePartitionValues {
  /// What `PartitionText` reads, of the data file `f`.
  static let text = """
    (SELECT string_agg(v.partition_key_index || ':'
        || coalesce(encode(convert_to(v.partition_value, 'UTF8'), 'hex'), '-'), ',')
      FROM ducklake_file_partition_value v
      WHERE f.partition_id IS NOT NULL AND v.data_file_id = f.data_file_id)
    """

  static func partition(id: Int64?, text: String?) -> FilePartition? {
    guard let id, let values = text.flatMap(PartitionText.values) else { return nil }
    return FilePartition(partitioning: id, values: values)
  }

  /// Of one file that a merge or a rewrite makes: its partitioning and its values.
  static func output(_ file: NewDataFile?) -> [PostgreSQLValue] {
    [
      file?.partition.map { .int64($0.partitioning) } ?? .null,
      .optionalTexts(file?.partition?.values ?? []),
    ]
  }

  static let outputParameters = "output_partitioning BIGINT, output_partition_values TEXT[]"

  /// Of several files: each one's partitioning, then file, place and value of each value.
  static func files(_ files: [NewDataFile]) -> [PostgreSQLValue] {
    var (places, keys, values): ([Int64], [Int64], [String?]) = ([], [], [])
    for (index, file) in files.enumerated() {
      for (key, value) in (file.partition?.values ?? []).enumerated() {
        places.append(Int64(index + 1))
        keys.append(Int64(key))
        values.append(value)
      }
    }
    return [
      .optionalInt64s(files.map { $0.partition?.partitioning }), .int64s(places), .int64s(keys),
      .optionalTexts(values),
    ]
  }

  static let fileParameters = """
    file_partitionings BIGINT[], partition_files BIGINT[], partition_keys BIGINT[],
      partition_values TEXT[]
    """

  /// For one file of a table.
  static func insertion(table: String) -> String {
    """
    INSERT INTO ducklake_file_partition_value(data_file_id, table_id, partition_key_index,
      partition_value)
    SELECT opening.first_file_id, \(table), made.place - 1, made.value
    FROM unnest(output_partition_values) WITH ORDINALITY AS made(value, place);
    """
  }
}
