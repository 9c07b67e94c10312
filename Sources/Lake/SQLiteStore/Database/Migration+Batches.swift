import LakeTables

extension Migration {
  /// Keys of whole batches, producers that number theirs, and the register of uploads.
  static let batches = Migration(
    version: 6, name: "batches",
    up: [
      "ALTER TABLE duckmesh_key ADD COLUMN token_count INTEGER NOT NULL DEFAULT 1",
      """
      CREATE TABLE duckmesh_producer(
        producer BLOB PRIMARY KEY, table_id INTEGER NOT NULL, epoch INTEGER NOT NULL,
        sequence INTEGER NOT NULL, day INTEGER NOT NULL) WITHOUT ROWID
      """,
      // `UploadPhase` has what the phases mean.
      """
      CREATE TABLE duckmesh_upload(
        upload_id TEXT PRIMARY KEY, tenant_id INTEGER NOT NULL, phase INTEGER NOT NULL,
        leased_until INTEGER NOT NULL, last_token INTEGER NOT NULL DEFAULT 0,
        settled_at INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID
      """,
    ],
    down: [
      "DROP TABLE IF EXISTS duckmesh_upload", "DROP TABLE IF EXISTS duckmesh_producer",
      "ALTER TABLE duckmesh_key DROP COLUMN token_count",
    ])
}
