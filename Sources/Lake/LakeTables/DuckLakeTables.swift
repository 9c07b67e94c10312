/// The tables of a DuckLake 1.0 catalog (https://ducklake.select/docs/stable/specification), with
/// the column names, order and types that the official extension expects of each database.
package enum DuckLakeTables {
  /// What a database calls the kinds of columns.
  package struct Dialect: Sendable {
    fileprivate let boolean: String
    fileprivate let uuid: String
    fileprivate let time: String

    package static let sqlite = Dialect(boolean: "BIGINT", uuid: "VARCHAR", time: "VARCHAR")
    package static let postgreSQL = Dialect(
      boolean: "BOOLEAN", uuid: "UUID", time: "TIMESTAMP WITH TIME ZONE")
  }

  /// Column kinds: i BIGINT, s VARCHAR, b boolean, u uuid, t time; `*` primary key, `!` not null.
  private static let specification: [(name: String, columns: String)] = [
    ("metadata", "key:s! value:s! scope:s scope_id:i"),
    (
      "snapshot",
      "snapshot_id:i* snapshot_time:t schema_version:i next_catalog_id:i next_file_id:i"
    ),
    (
      "snapshot_changes",
      "snapshot_id:i* changes_made:s author:s commit_message:s commit_extra_info:s"
    ),
    (
      "schema",
      "schema_id:i* schema_uuid:u begin_snapshot:i end_snapshot:i schema_name:s path:s"
        + " path_is_relative:b"
    ),
    (
      "table",
      "table_id:i table_uuid:u begin_snapshot:i end_snapshot:i schema_id:i table_name:s path:s"
        + " path_is_relative:b"
    ),
    (
      "view",
      "view_id:i view_uuid:u begin_snapshot:i end_snapshot:i schema_id:i view_name:s dialect:s"
        + " sql:s column_aliases:s"
    ),
    ("tag", "object_id:i begin_snapshot:i end_snapshot:i key:s value:s"),
    ("column_tag", "table_id:i column_id:i begin_snapshot:i end_snapshot:i key:s value:s"),
    (
      "data_file",
      "data_file_id:i* table_id:i begin_snapshot:i end_snapshot:i file_order:i path:s"
        + " path_is_relative:b file_format:s record_count:i file_size_bytes:i footer_size:i"
        + " row_id_start:i partition_id:i encryption_key:s mapping_id:i partial_max:i"
    ),
    (
      "file_column_stats",
      "data_file_id:i table_id:i column_id:i column_size_bytes:i value_count:i null_count:i"
        + " min_value:s max_value:s contains_nan:b extra_stats:s"
    ),
    (
      "file_variant_stats",
      "data_file_id:i table_id:i column_id:i variant_path:s shredded_type:s column_size_bytes:i"
        + " value_count:i null_count:i min_value:s max_value:s contains_nan:b extra_stats:s"
    ),
    (
      "delete_file",
      "delete_file_id:i* table_id:i begin_snapshot:i end_snapshot:i data_file_id:i path:s"
        + " path_is_relative:b format:s delete_count:i file_size_bytes:i footer_size:i"
        + " encryption_key:s partial_max:i"
    ),
    (
      "column",
      "column_id:i begin_snapshot:i end_snapshot:i table_id:i column_order:i column_name:s"
        + " column_type:s initial_default:s default_value:s nulls_allowed:b parent_column:i"
        + " default_value_type:s default_value_dialect:s"
    ),
    ("table_stats", "table_id:i record_count:i next_row_id:i file_size_bytes:i"),
    (
      "table_column_stats",
      "table_id:i column_id:i contains_null:b contains_nan:b min_value:s max_value:s extra_stats:s"
    ),
    ("partition_info", "partition_id:i table_id:i begin_snapshot:i end_snapshot:i"),
    (
      "partition_column",
      "partition_id:i table_id:i partition_key_index:i column_id:i transform:s"
    ),
    (
      "file_partition_value",
      "data_file_id:i table_id:i partition_key_index:i partition_value:s"
    ),
    (
      "files_scheduled_for_deletion",
      "data_file_id:i path:s path_is_relative:b schedule_start:t"
    ),
    ("inlined_data_tables", "table_id:i table_name:s schema_version:i"),
    ("column_mapping", "mapping_id:i table_id:i type:s"),
    (
      "name_mapping",
      "mapping_id:i column_id:i source_name:s target_field_id:i parent_column:i is_partition:b"
    ),
    ("schema_versions", "begin_snapshot:i schema_version:i table_id:i"),
    ("macro", "schema_id:i macro_id:i macro_name:s begin_snapshot:i end_snapshot:i"),
    ("macro_impl", "macro_id:i impl_id:i dialect:s sql:s type:s"),
    (
      "macro_parameters",
      "macro_id:i impl_id:i column_id:i parameter_name:s parameter_type:s default_value:s"
        + " default_value_type:s"
    ),
    ("sort_info", "sort_id:i table_id:i begin_snapshot:i end_snapshot:i"),
    (
      "sort_expression",
      "sort_id:i table_id:i sort_key_index:i expression:s dialect:s sort_direction:s null_order:s"
    ),
  ]

  package static var names: [String] { specification.map { "ducklake_" + $0.name } }

  package static func createStatements(_ dialect: Dialect) -> [String] {
    specification.map { table in
      let columns = table.columns.split(separator: " ").map { columnDefinition($0, dialect) }
      return "CREATE TABLE ducklake_\(table.name)(\(columns.joined(separator: ", ")))"
    }
  }

  private static func columnDefinition(_ text: Substring, _ dialect: Dialect) -> String {
    let parts = text.split(separator: ":")
    let type =
      switch parts[1].first {
      case "i": "BIGINT"
      case "b": dialect.boolean
      case "u": dialect.uuid
      case "t": dialect.time
      default: "VARCHAR"
      }
    var definition = "\"\(parts[0])\" \(type)"
    if parts[1].hasSuffix("!") { definition += " NOT NULL" }
    if parts[1].hasSuffix("*") { definition += " PRIMARY KEY" }
    return definition
  }

  /// Our own indexes; the extension does not mind them.
  package static let indexStatements = [
    "CREATE INDEX duckmesh_data_file_begin ON ducklake_data_file(table_id, begin_snapshot)",
    """
    CREATE INDEX duckmesh_data_file_live ON ducklake_data_file(table_id)
      WHERE end_snapshot IS NULL
    """,
    "CREATE INDEX duckmesh_data_file_ended ON ducklake_data_file(end_snapshot)"
      + " WHERE end_snapshot IS NOT NULL",
    "CREATE INDEX duckmesh_delete_file_begin ON ducklake_delete_file(table_id, begin_snapshot)",
    "CREATE INDEX duckmesh_delete_file_data ON ducklake_delete_file(data_file_id)",
    """
    CREATE UNIQUE INDEX duckmesh_column_stats
      ON ducklake_file_column_stats(data_file_id, column_id)
    """,
    "CREATE INDEX duckmesh_column_begin ON ducklake_column(table_id, begin_snapshot)",
    """
    CREATE UNIQUE INDEX duckmesh_column_live ON ducklake_column(table_id, column_id)
      WHERE end_snapshot IS NULL
    """,
    "CREATE INDEX duckmesh_lake_table ON ducklake_table(table_id)",
    """
    CREATE UNIQUE INDEX duckmesh_lake_table_live ON ducklake_table(schema_id, table_name)
      WHERE end_snapshot IS NULL
    """,
    """
    CREATE UNIQUE INDEX duckmesh_lake_schema_live ON ducklake_schema(schema_name)
      WHERE end_snapshot IS NULL
    """,
    "CREATE UNIQUE INDEX duckmesh_table_stats ON ducklake_table_stats(table_id)",
    "CREATE INDEX duckmesh_scheduled ON ducklake_files_scheduled_for_deletion(schedule_start)",
    "CREATE INDEX duckmesh_scheduled_path ON ducklake_files_scheduled_for_deletion(path)",
    "CREATE INDEX duckmesh_snapshot_time ON ducklake_snapshot(snapshot_time)",
  ]
}
