import LakeTables

extension Migration {
  /// Versions of a schema say when they came to be, and what of the table's options went with them.
  /// Their columns are DuckLake's, at the snapshot where the version begins.
  static let schemaVersions = Migration(
    version: 3, name: "schema versions",
    up: [
      "ALTER TABLE duckmesh_schema_version ADD COLUMN created_at INTEGER",
      "ALTER TABLE duckmesh_schema_version ADD COLUMN compatibility_mode TEXT",
      "ALTER TABLE duckmesh_schema_version ADD COLUMN event_time_column TEXT",
      """
      UPDATE duckmesh_schema_version SET
        created_at = (SELECT t.created_at FROM duckmesh_table t
          WHERE t.table_id = duckmesh_schema_version.table_id),
        compatibility_mode = (SELECT t.compatibility_mode FROM duckmesh_table t
          WHERE t.table_id = duckmesh_schema_version.table_id),
        event_time_column = (SELECT t.event_time_column FROM duckmesh_table t
          WHERE t.table_id = duckmesh_schema_version.table_id)
      """,
      // A table's comments at a snapshot.
      "CREATE INDEX duckmesh_column_tag ON ducklake_column_tag(table_id, column_id)",
    ],
    down: [
      "DROP INDEX duckmesh_column_tag",
      "ALTER TABLE duckmesh_schema_version DROP COLUMN event_time_column",
      "ALTER TABLE duckmesh_schema_version DROP COLUMN compatibility_mode",
      "ALTER TABLE duckmesh_schema_version DROP COLUMN created_at",
    ])
}
