import LakeTables

extension Migration {
  /// Partitions and orders of tables.
  static let tableLayouts = Migration(
    version: 7, name: "table layouts", up: additions, down: removals)

  private static let additions = [
    "ALTER TABLE duckmesh_table ADD COLUMN partitioning_id BIGINT",
    // Both with column ids, so that they follow renames.
    "ALTER TABLE duckmesh_table ADD COLUMN partitioning TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE duckmesh_table ADD COLUMN sort_order TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX duckmesh_file_partition ON ducklake_file_partition_value(data_file_id)",
  ]

  private static let removals = [
    "DROP INDEX duckmesh_file_partition",
    "ALTER TABLE duckmesh_table DROP COLUMN sort_order",
    "ALTER TABLE duckmesh_table DROP COLUMN partitioning",
    "ALTER TABLE duckmesh_table DROP COLUMN partitioning_id",
  ]
}
