import LakeTables

extension Migration {
  /// Pins, and what restores put back and take away.
  static let history = Migration(version: 4, name: "history", up: additions, down: removals)

  private static let additions = [
    // The pins of people have no holder; a read that holds a range of snapshots is its own.
    """
    CREATE TABLE duckmesh_pin(
      tenant_id INTEGER NOT NULL, holder TEXT NOT NULL, first_snapshot INTEGER NOT NULL,
      last_snapshot INTEGER NOT NULL, pin_name TEXT, created_at INTEGER NOT NULL, expires_at INTEGER,
      PRIMARY KEY (tenant_id, holder, first_snapshot)) WITHOUT ROWID
    """,
    """
    CREATE TABLE duckmesh_restore(
      tenant_id INTEGER NOT NULL, snapshot_id INTEGER NOT NULL, restored_from INTEGER NOT NULL,
      PRIMARY KEY (tenant_id, snapshot_id)) WITHOUT ROWID
    """,
    "ALTER TABLE duckmesh_ledger ADD COLUMN restored_rows INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE duckmesh_ledger ADD COLUMN undone_rows INTEGER NOT NULL DEFAULT 0",
  ]

  private static let removals = [
    "ALTER TABLE duckmesh_ledger DROP COLUMN undone_rows",
    "ALTER TABLE duckmesh_ledger DROP COLUMN restored_rows",
    "DROP TABLE duckmesh_restore", "DROP TABLE duckmesh_pin",
  ]
}
