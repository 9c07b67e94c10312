import LakeTables

extension Migration {
  /// Replays of events that the bus still has.
  static let eventReplays = Migration(
    version: 8, name: "event replays",
    up: [
      """
      CREATE TABLE duckmesh_event_replay(
        replay_id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL,
        source_table INTEGER NOT NULL, target_table INTEGER NOT NULL, series TEXT NOT NULL,
        first_token INTEGER NOT NULL, last_token INTEGER NOT NULL, next_token INTEGER NOT NULL,
        status TEXT NOT NULL, event_count INTEGER NOT NULL DEFAULT 0,
        rejected_count INTEGER NOT NULL DEFAULT 0, newest_token INTEGER NOT NULL DEFAULT 0,
        error_code TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
        owner TEXT, leased_until INTEGER NOT NULL DEFAULT 0)
      """,
      "CREATE UNIQUE INDEX duckmesh_event_replay_running ON duckmesh_event_replay(tenant_id)"
        + " WHERE status = 'running'",
      "CREATE INDEX duckmesh_event_replay_tenant ON duckmesh_event_replay(tenant_id, replay_id)",
    ],
    down: ["DROP TABLE IF EXISTS duckmesh_event_replay"])
}
