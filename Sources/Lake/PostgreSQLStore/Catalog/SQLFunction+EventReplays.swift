/// Replays of events that the bus still has.
extension SQLFunction {
  static let eventReplays = [beginReplay]

  /// Writes a replay down unless the tenant has one that is running; old ones make room.
  ///
  /// - Returns its id; null when another is in its way.
  static let beginReplay = SQLFunction(
    "begin_replay",
    """
    (asking BIGINT, source BIGINT, target BIGINT, named_series TEXT, first BIGINT, last BIGINT,
      kept BIGINT, clock_override BIGINT)
    RETURNS BIGINT LANGUAGE plpgsql AS $$
    DECLARE
      moment BIGINT := \(now.name)(clock_override);
      made BIGINT;
    BEGIN
      INSERT INTO duckmesh_event_replay(tenant_id, source_table, target_table, series, first_token,
        last_token, next_token, status, created_at, updated_at)
      VALUES (asking, source, target, named_series, first, last, first, 'running', moment, moment)
      ON CONFLICT (tenant_id) WHERE status = 'running' DO NOTHING
      RETURNING replay_id INTO made;
      IF made IS NULL THEN RETURN NULL; END IF;
      DELETE FROM duckmesh_event_replay WHERE tenant_id = asking AND replay_id <= (
        SELECT replay_id FROM duckmesh_event_replay WHERE tenant_id = asking
        ORDER BY replay_id DESC LIMIT 1 OFFSET kept);
      RETURN made;
    END $$
    """)
}
