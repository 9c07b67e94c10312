import LakeTables

extension Migration {
  /// Primary keys of tables, and the rows that commits take away.
  static let keyedTables = Migration(
    version: 2, name: "keyed tables", up: additions, down: removals)

  private static let additions = [
    // Column ids, so that renames keep the key.
    "ALTER TABLE duckmesh_table ADD COLUMN primary_key BIGINT[] NOT NULL DEFAULT '{}'",
    "ALTER TABLE duckmesh_table ADD COLUMN on_existing_key TEXT NOT NULL DEFAULT 'upsert'",
    "ALTER TABLE duckmesh_ledger ADD COLUMN deleted BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE duckmesh_ledger ADD COLUMN removed_rows BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE duckmesh_consumer ADD COLUMN deleted BIGINT NOT NULL DEFAULT 0",
    // One row of a chain: the newest at or before a snapshot.
    "DROP INDEX duckmesh_delete_file_data",
    "CREATE INDEX duckmesh_delete_file_chain ON ducklake_delete_file(data_file_id, begin_snapshot)",
    "CREATE INDEX duckmesh_delete_file_live ON ducklake_delete_file(data_file_id)"
      + " WHERE end_snapshot IS NULL",
    "CREATE INDEX duckmesh_delete_file_ended ON ducklake_delete_file(end_snapshot)"
      + " WHERE end_snapshot IS NOT NULL",
  ]

  private static let removals = [
    "DROP INDEX duckmesh_delete_file_ended", "DROP INDEX duckmesh_delete_file_live",
    "DROP INDEX duckmesh_delete_file_chain",
    "CREATE INDEX duckmesh_delete_file_data ON ducklake_delete_file(data_file_id)",
    "ALTER TABLE duckmesh_consumer DROP COLUMN deleted",
    "ALTER TABLE duckmesh_ledger DROP COLUMN removed_rows",
    "ALTER TABLE duckmesh_ledger DROP COLUMN deleted",
    "ALTER TABLE duckmesh_table DROP COLUMN on_existing_key",
    "ALTER TABLE duckmesh_table DROP COLUMN primary_key",
  ]
}
