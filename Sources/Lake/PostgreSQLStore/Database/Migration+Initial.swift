import LakeTables

// The order in which every transaction takes row locks, so that none waits in a circle:
//
//   1. duckmesh_head, tenants ascending
//   2. duckmesh_consumer, tenants ascending
//   3. duckmesh_table_lease, tables ascending
//   4. duckmesh_lake_head
//
// Publishing takes only the first: `FOR NO KEY UPDATE` on the heads of its tenants. It reads
// `duckmesh_table` after it holds them. Whatever makes, changes or drops a table of a tenant takes
// the tenant's head `FOR UPDATE` before anything else, and so do the making of a tenant's rows and
// the erasure of its keys: publishing and table changes of one tenant are serial, a publisher sees
// a table either before the change or after it, and no event is accepted under a schema that is
// gone. (A share lock on the table row would do as well, but would write that row once for each
// group of each publisher.) A function reads in READ COMMITTED, each statement with a new snapshot,
// so what it reads after the lock is what the holder before it has committed.
//
// Commits move watermarks in `duckmesh_consumer` and never touch `duckmesh_head`, so that they and
// publishers do not wait for each other.
extension Migration {
  static let initial = Migration(
    version: 1, name: "initial",
    up: DuckLakeTables.createStatements(.postgreSQL) + DuckLakeTables.indexStatements + ownTables,
    down: (ownTableNames + DuckLakeTables.names).map { "DROP TABLE IF EXISTS \($0)" })

  private static let ownTableNames = [
    "duckmesh_meta", "duckmesh_tenant", "duckmesh_head", "duckmesh_consumer", "duckmesh_key",
    "duckmesh_segment", "duckmesh_table", "duckmesh_schema_version", "duckmesh_watermark",
    "duckmesh_ledger", "duckmesh_commit", "duckmesh_dead_letter", "duckmesh_table_lease",
    "duckmesh_maintenance_run", "duckmesh_lake_head", "duckmesh_member",
  ]

  /// The autovacuum settings of small rows that are updated many times a second. Their updates stay
  /// on the page (no indexed column changes and the page has room), so that what is vacuumed is
  /// little; left alone it would grow with every long-running reader.
  private static let hotRows = """
    WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
      autovacuum_vacuum_cost_delay = 0)
    """

  private static let ownTables = busTables + catalogTables

  private static let busTables = [
    "CREATE TABLE duckmesh_head(tenant_id BIGINT PRIMARY KEY, head BIGINT NOT NULL) \(hotRows)",
    // A lease is live while it has an owner and ends after now, but not later than its own length
    // from now: a clock that was set back must not keep a dead owner's lease alive.
    """
    CREATE TABLE duckmesh_consumer(
      tenant_id BIGINT PRIMARY KEY, watermark BIGINT NOT NULL, epoch BIGINT NOT NULL,
      owner TEXT COLLATE "C", leased_until BIGINT NOT NULL, lease_ms BIGINT NOT NULL DEFAULT 0,
      inserted BIGINT NOT NULL DEFAULT 0, superseded BIGINT NOT NULL DEFAULT 0,
      no_operation BIGINT NOT NULL DEFAULT 0, dead_lettered BIGINT NOT NULL DEFAULT 0,
      discarded BIGINT NOT NULL DEFAULT 0) \(hotRows)
    """,
    // The day (since 1970) and the table let expiry and erasure sweep without another index.
    """
    CREATE TABLE duckmesh_key(
      key UUID PRIMARY KEY, token BIGINT NOT NULL, content BIGINT NOT NULL,
      table_id BIGINT NOT NULL, day BIGINT NOT NULL)
    """,
    // A segment lives for a second: unless its rows are vacuumed by number and at full speed the
    // table grows to many times what it holds. Bodies are compressed already.
    """
    CREATE TABLE duckmesh_segment(
      tenant_id BIGINT NOT NULL, first_token BIGINT NOT NULL, last_token BIGINT NOT NULL,
      record_count BIGINT NOT NULL, byte_count BIGINT NOT NULL, published_at BIGINT NOT NULL,
      skipped INTEGER[], body BYTEA NOT NULL, PRIMARY KEY (tenant_id, first_token))
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
      autovacuum_vacuum_cost_delay = 0, toast.autovacuum_vacuum_scale_factor = 0,
      toast.autovacuum_vacuum_threshold = 10000, toast.autovacuum_vacuum_cost_delay = 0)
    """,
    "ALTER TABLE duckmesh_segment ALTER COLUMN body SET STORAGE EXTERNAL",
    // Processes that tell each other that they are alive, each by a row of its own.
    """
    CREATE TABLE duckmesh_member(
      owner TEXT COLLATE "C" PRIMARY KEY, role TEXT COLLATE "C" NOT NULL, seen_at BIGINT NOT NULL,
      lifetime_ms BIGINT NOT NULL) \(hotRows)
    """,
  ]

  private static let catalogTables = [
    "CREATE TABLE duckmesh_meta(key TEXT COLLATE \"C\" PRIMARY KEY, value TEXT NOT NULL)",
    // The row that every commit to the lake locks, so that snapshots are made one after the other.
    // What the head is stands in ducklake_snapshot, which other programs write as well.
    """
    CREATE TABLE duckmesh_lake_head(
      only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row))
    """,
    "INSERT INTO duckmesh_lake_head VALUES (TRUE)",
    """
    CREATE TABLE duckmesh_tenant(
      tenant_id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      tenant_name TEXT COLLATE "C" NOT NULL UNIQUE, schema_id BIGINT NOT NULL,
      created_at BIGINT NOT NULL)
    """,
    """
    CREATE TABLE duckmesh_table(
      table_id BIGINT PRIMARY KEY, tenant_id BIGINT NOT NULL,
      table_name TEXT COLLATE "C" NOT NULL, created_at BIGINT NOT NULL,
      created_snapshot BIGINT NOT NULL, dropped_snapshot BIGINT, schema_version BIGINT NOT NULL,
      next_column_id BIGINT NOT NULL, compatibility_mode TEXT NOT NULL, event_time_column TEXT)
    """,
    """
    CREATE UNIQUE INDEX duckmesh_table_live ON duckmesh_table(tenant_id, lower(table_name))
      WHERE dropped_snapshot IS NULL
    """,
    // Older snapshots show dropped tables as well, which the index above leaves out.
    "CREATE INDEX duckmesh_table_name ON duckmesh_table(tenant_id, lower(table_name))",
    """
    CREATE TABLE duckmesh_schema_version(
      table_id BIGINT NOT NULL, version BIGINT NOT NULL, begin_snapshot BIGINT NOT NULL,
      PRIMARY KEY (table_id, version))
    """,
    """
    CREATE TABLE duckmesh_watermark(
      tenant_id BIGINT NOT NULL, snapshot_id BIGINT NOT NULL, watermark BIGINT NOT NULL,
      PRIMARY KEY (tenant_id, snapshot_id))
    """,
    """
    CREATE INDEX duckmesh_watermark_snapshot ON duckmesh_watermark(snapshot_id)
      INCLUDE (tenant_id, watermark)
    """,
    """
    CREATE TABLE duckmesh_ledger(
      tenant_id BIGINT NOT NULL, table_id BIGINT NOT NULL, snapshot_id BIGINT NOT NULL,
      first_token BIGINT NOT NULL, last_token BIGINT NOT NULL, inserted BIGINT NOT NULL,
      superseded BIGINT NOT NULL, no_operation BIGINT NOT NULL, dead_lettered BIGINT NOT NULL,
      table_rows BIGINT NOT NULL, PRIMARY KEY (tenant_id, table_id, snapshot_id))
    """,
    "CREATE INDEX duckmesh_ledger_snapshot ON duckmesh_ledger(snapshot_id)",
    """
    CREATE TABLE duckmesh_commit(
      commit_id TEXT COLLATE "C" NOT NULL UNIQUE, snapshot_id BIGINT PRIMARY KEY,
      committed_at BIGINT NOT NULL)
    """,
    """
    CREATE TABLE duckmesh_dead_letter(
      dead_letter_id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      tenant_id BIGINT NOT NULL, table_id BIGINT NOT NULL, token BIGINT NOT NULL,
      snapshot_id BIGINT NOT NULL, schema_version BIGINT NOT NULL, operation BIGINT NOT NULL,
      reason TEXT NOT NULL, message TEXT NOT NULL, idempotency_key BYTEA NOT NULL,
      payload BYTEA NOT NULL, created_at BIGINT NOT NULL)
    """,
    "CREATE INDEX duckmesh_dead_letter_tenant ON duckmesh_dead_letter(tenant_id, dead_letter_id)",
    "CREATE UNIQUE INDEX duckmesh_dead_letter_token ON duckmesh_dead_letter(tenant_id, token)",
    """
    CREATE TABLE duckmesh_table_lease(
      table_id BIGINT PRIMARY KEY, epoch BIGINT NOT NULL, owner TEXT COLLATE "C",
      leased_until BIGINT NOT NULL, lease_ms BIGINT NOT NULL DEFAULT 0)
    """,
    """
    CREATE TABLE duckmesh_maintenance_run(
      run_id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, kind TEXT NOT NULL,
      started_at BIGINT NOT NULL, finished_at BIGINT NOT NULL, summary TEXT NOT NULL)
    """,
  ]
}
