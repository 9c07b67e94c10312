import LakeTables

extension Migration {
  /// Dead letters that are asked for again, and those that are none any more.
  static let deadLetterReplay = Migration(
    version: 5, name: "dead letter replay", up: additions, down: removals)

  private static let additions = [
    // The number of the newest request, and whether it is still to be carried out.
    "ALTER TABLE duckmesh_dead_letter ADD COLUMN replay_revision BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE duckmesh_dead_letter ADD COLUMN replay_wanted BOOLEAN NOT NULL DEFAULT FALSE",
    // Of the request; null for the letter's own payload.
    "ALTER TABLE duckmesh_dead_letter ADD COLUMN replay_payload BYTEA",
    "ALTER TABLE duckmesh_dead_letter ADD COLUMN replay_schema_version BIGINT NOT NULL DEFAULT 0",
    "CREATE INDEX duckmesh_dead_letter_wanted ON duckmesh_dead_letter(tenant_id, token)"
      + " WHERE replay_wanted",
    "CREATE INDEX duckmesh_dead_letter_table ON duckmesh_dead_letter(table_id, token)",
    "ALTER TABLE duckmesh_ledger ADD COLUMN replayed BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE duckmesh_consumer ADD COLUMN replayed BIGINT NOT NULL DEFAULT 0",
    // Kept for as long as the tenant: who asks again is told the same.
    """
    CREATE TABLE duckmesh_settled_letter(
      dead_letter_id BIGINT PRIMARY KEY, tenant_id BIGINT NOT NULL, table_id BIGINT NOT NULL,
      token BIGINT NOT NULL, settlement TEXT COLLATE "C" NOT NULL, snapshot_id BIGINT,
      settled_at BIGINT NOT NULL)
    """,
    "CREATE UNIQUE INDEX duckmesh_settled_letter_token ON duckmesh_settled_letter(tenant_id, token)",
    // Keys that were deleted while a letter of the table with a lower token was open.
    """
    CREATE TABLE duckmesh_key_tombstone(
      table_id BIGINT NOT NULL, key_hash BYTEA NOT NULL, token BIGINT NOT NULL,
      PRIMARY KEY (table_id, key_hash))
    """,
  ]

  private static let removals = [
    "DROP TABLE duckmesh_key_tombstone", "DROP TABLE duckmesh_settled_letter",
    // What was replayed is no dead letter, also for a program that knows no replay.
    "UPDATE duckmesh_ledger SET dead_lettered = dead_lettered - replayed",
    "UPDATE duckmesh_consumer SET dead_lettered = dead_lettered - replayed",
    "ALTER TABLE duckmesh_consumer DROP COLUMN replayed",
    "ALTER TABLE duckmesh_ledger DROP COLUMN replayed",
    "DROP INDEX duckmesh_dead_letter_table", "DROP INDEX duckmesh_dead_letter_wanted",
    "ALTER TABLE duckmesh_dead_letter DROP COLUMN replay_schema_version",
    "ALTER TABLE duckmesh_dead_letter DROP COLUMN replay_payload",
    "ALTER TABLE duckmesh_dead_letter DROP COLUMN replay_wanted",
    "ALTER TABLE duckmesh_dead_letter DROP COLUMN replay_revision",
  ]
}
