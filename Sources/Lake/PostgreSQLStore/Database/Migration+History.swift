import LakeTables

extension Migration {
  /// Pins, and what restores put back and take away.
  static let history = Migration(version: 4, name: "history", up: additions, down: removals)

  private static let additions = [
    // The pins of people have no holder; a read that holds a range of snapshots is its own.
    """
    CREATE TABLE duckmesh_pin(
      tenant_id BIGINT NOT NULL, holder TEXT NOT NULL, first_snapshot BIGINT NOT NULL,
      last_snapshot BIGINT NOT NULL, pin_name TEXT, created_at BIGINT NOT NULL, expires_at BIGINT,
      PRIMARY KEY (tenant_id, holder, first_snapshot))
    """,
    """
    CREATE TABLE duckmesh_restore(
      tenant_id BIGINT NOT NULL, snapshot_id BIGINT NOT NULL, restored_from BIGINT NOT NULL,
      PRIMARY KEY (tenant_id, snapshot_id))
    """,
    "ALTER TABLE duckmesh_ledger ADD COLUMN restored_rows BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE duckmesh_ledger ADD COLUMN undone_rows BIGINT NOT NULL DEFAULT 0",
  ]

  private static let removals = [
    "ALTER TABLE duckmesh_ledger DROP COLUMN undone_rows",
    "ALTER TABLE duckmesh_ledger DROP COLUMN restored_rows",
    "DROP TABLE duckmesh_restore", "DROP TABLE duckmesh_pin",
  ]
}
