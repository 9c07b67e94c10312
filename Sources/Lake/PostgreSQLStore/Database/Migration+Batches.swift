import LakeTables

// Row locks: publishing a batch takes its tenant's row of `duckmesh_head` first, as all publishing
// does, and then rows of `duckmesh_producer` and `duckmesh_upload`. Whoever collects uploads takes
// rows of `duckmesh_upload` alone.
extension Migration {
  /// Keys of whole batches, producers that number theirs, and the register of uploads.
  static let batches = Migration(
    version: 6, name: "batches",
    up: [
      "ALTER TABLE duckmesh_key ADD COLUMN token_count BIGINT NOT NULL DEFAULT 1",
      """
      CREATE TABLE duckmesh_producer(
        producer UUID PRIMARY KEY, table_id BIGINT NOT NULL, epoch BIGINT NOT NULL,
        sequence BIGINT NOT NULL, day BIGINT NOT NULL)
      """,
      // `UploadPhase` has what the phases mean.
      """
      CREATE TABLE duckmesh_upload(
        upload_id TEXT COLLATE "C" PRIMARY KEY, tenant_id BIGINT NOT NULL, phase INTEGER NOT NULL,
        leased_until BIGINT NOT NULL, last_token BIGINT NOT NULL DEFAULT 0,
        settled_at BIGINT NOT NULL DEFAULT 0)
      """,
    ],
    down: [
      "DROP TABLE IF EXISTS duckmesh_upload", "DROP TABLE IF EXISTS duckmesh_producer",
      "ALTER TABLE duckmesh_key DROP COLUMN token_count",
    ])
}
