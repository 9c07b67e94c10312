import LakeTables

extension Migration {
  static let initial = Migration(
    version: 1, name: "initial",
    up: DuckLakeTables.createStatements(.sqlite) + DuckLakeTables.indexStatements + ownTables,
    down: (ownTableNames + DuckLakeTables.names).map { "DROP TABLE IF EXISTS \($0)" })

  private static let ownTableNames = [
    "duckmesh_meta", "duckmesh_tenant", "duckmesh_head", "duckmesh_consumer", "duckmesh_key",
    "duckmesh_segment", "duckmesh_table", "duckmesh_schema_version", "duckmesh_watermark",
    "duckmesh_ledger", "duckmesh_commit", "duckmesh_dead_letter", "duckmesh_table_lease",
    "duckmesh_maintenance_run",
  ]

  private static let ownTables = [
    "CREATE TABLE duckmesh_meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE duckmesh_tenant(
      tenant_id INTEGER PRIMARY KEY, tenant_name TEXT NOT NULL UNIQUE,
      schema_id INTEGER NOT NULL, created_at INTEGER NOT NULL)
    """,
    "CREATE TABLE duckmesh_head(tenant_id INTEGER PRIMARY KEY, head INTEGER NOT NULL)",
    // The totals are what the ledger's rows add up to: kept, so that a scrape need not add them.
    """
    CREATE TABLE duckmesh_consumer(
      tenant_id INTEGER PRIMARY KEY, watermark INTEGER NOT NULL, epoch INTEGER NOT NULL,
      owner TEXT, leased_until INTEGER NOT NULL, inserted INTEGER NOT NULL DEFAULT 0,
      superseded INTEGER NOT NULL DEFAULT 0, no_operation INTEGER NOT NULL DEFAULT 0,
      dead_lettered INTEGER NOT NULL DEFAULT 0, discarded INTEGER NOT NULL DEFAULT 0)
    """,
    // The day (since 1970) and the table let expiry and erasure sweep without another index.
    """
    CREATE TABLE duckmesh_key(
      key BLOB PRIMARY KEY, token INTEGER NOT NULL, content INTEGER NOT NULL,
      table_id INTEGER NOT NULL, day INTEGER NOT NULL) WITHOUT ROWID
    """,
    """
    CREATE TABLE duckmesh_segment(
      tenant_id INTEGER NOT NULL, first_token INTEGER NOT NULL, last_token INTEGER NOT NULL,
      record_count INTEGER NOT NULL, byte_count INTEGER NOT NULL, published_at INTEGER NOT NULL,
      skipped BLOB, body BLOB NOT NULL, PRIMARY KEY (tenant_id, first_token))
    """,
    """
    CREATE TABLE duckmesh_table(
      table_id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, table_name TEXT NOT NULL,
      created_at INTEGER NOT NULL, created_snapshot INTEGER NOT NULL, dropped_snapshot INTEGER,
      schema_version INTEGER NOT NULL, next_column_id INTEGER NOT NULL,
      compatibility_mode TEXT NOT NULL, event_time_column TEXT)
    """,
    """
    CREATE UNIQUE INDEX duckmesh_table_live ON duckmesh_table(tenant_id, lower(table_name))
      WHERE dropped_snapshot IS NULL
    """,
    // Older snapshots show dropped tables as well, which the index above leaves out.
    "CREATE INDEX duckmesh_table_name ON duckmesh_table(tenant_id, lower(table_name))",
    """
    CREATE TABLE duckmesh_schema_version(
      table_id INTEGER NOT NULL, version INTEGER NOT NULL, begin_snapshot INTEGER NOT NULL,
      PRIMARY KEY (table_id, version)) WITHOUT ROWID
    """,
    """
    CREATE TABLE duckmesh_watermark(
      tenant_id INTEGER NOT NULL, snapshot_id INTEGER NOT NULL, watermark INTEGER NOT NULL,
      PRIMARY KEY (tenant_id, snapshot_id)) WITHOUT ROWID
    """,
    """
    CREATE TABLE duckmesh_ledger(
      tenant_id INTEGER NOT NULL, table_id INTEGER NOT NULL, snapshot_id INTEGER NOT NULL,
      first_token INTEGER NOT NULL, last_token INTEGER NOT NULL, inserted INTEGER NOT NULL,
      superseded INTEGER NOT NULL, no_operation INTEGER NOT NULL, dead_lettered INTEGER NOT NULL,
      table_rows INTEGER NOT NULL, PRIMARY KEY (tenant_id, table_id, snapshot_id)) WITHOUT ROWID
    """,
    "CREATE INDEX duckmesh_ledger_snapshot ON duckmesh_ledger(snapshot_id)",
    "CREATE INDEX duckmesh_watermark_snapshot ON duckmesh_watermark(snapshot_id)",
    """
    CREATE TABLE duckmesh_commit(
      commit_id TEXT NOT NULL UNIQUE, snapshot_id INTEGER PRIMARY KEY,
      committed_at INTEGER NOT NULL)
    """,
    """
    CREATE TABLE duckmesh_dead_letter(
      dead_letter_id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL,
      table_id INTEGER NOT NULL, token INTEGER NOT NULL, snapshot_id INTEGER NOT NULL,
      schema_version INTEGER NOT NULL, operation INTEGER NOT NULL, reason TEXT NOT NULL,
      message TEXT NOT NULL, idempotency_key BLOB NOT NULL, payload BLOB NOT NULL,
      created_at INTEGER NOT NULL)
    """,
    // With the row id that every index ends in: a tenant's letters in the order in which they came.
    "CREATE INDEX duckmesh_dead_letter_tenant ON duckmesh_dead_letter(tenant_id)",
    "CREATE UNIQUE INDEX duckmesh_dead_letter_token ON duckmesh_dead_letter(tenant_id, token)",
    """
    CREATE TABLE duckmesh_table_lease(
      table_id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, owner TEXT,
      leased_until INTEGER NOT NULL)
    """,
    """
    CREATE TABLE duckmesh_maintenance_run(
      run_id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, started_at INTEGER NOT NULL,
      finished_at INTEGER NOT NULL, summary TEXT NOT NULL)
    """,
  ]
}
