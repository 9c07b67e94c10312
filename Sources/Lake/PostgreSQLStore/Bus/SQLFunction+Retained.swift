/// What happens to segments after a snapshot holds their events.
extension SQLFunction {
  static let retaining = [trimSegments]

  /// Deletes the oldest acknowledged segments: those that are too old, and those beyond the number
  /// of events that may stay. What is left has no gap.
  static let trimSegments = SQLFunction(
    "trim_segments",
    """
    (kept_seconds BIGINT, kept_events BIGINT, row_limit BIGINT, clock_override BIGINT)
    RETURNS BIGINT LANGUAGE plpgsql SET enable_seqscan = off AS $$
    DECLARE
      done RECORD;
      oldest BIGINT := \(now.name)(clock_override) - kept_seconds * 1000000;
      kept BIGINT;
      through BIGINT;
      step BIGINT;
      deleted BIGINT := 0;
    BEGIN
      FOR done IN
        SELECT known.tenant_id, known.watermark,
          (SELECT replay.next_token - 1 FROM duckmesh_event_replay AS replay
            WHERE replay.tenant_id = known.tenant_id AND replay.status = 'running') AS replayed
        FROM duckmesh_consumer AS known ORDER BY known.tenant_id
      LOOP
        SELECT segment.first_token INTO kept FROM duckmesh_segment AS segment
        WHERE segment.tenant_id = done.tenant_id
          AND (segment.published_at > oldest OR segment.last_token > done.watermark)
        ORDER BY segment.first_token LIMIT 1;
        through := least(done.watermark, done.replayed,
          greatest(kept - 1, done.watermark - kept_events));
        IF kept IS NULL THEN through := least(done.watermark, done.replayed); END IF;
        DELETE FROM duckmesh_segment AS segment
        WHERE segment.tenant_id = done.tenant_id AND segment.first_token IN (
          SELECT old.first_token FROM duckmesh_segment AS old
          WHERE old.tenant_id = done.tenant_id AND old.first_token <= through
            AND old.last_token <= through
          ORDER BY old.first_token LIMIT row_limit);
        GET DIAGNOSTICS step = ROW_COUNT;
        deleted := deleted + step;
      END LOOP;
      RETURN deleted;
    END $$
    """)
}
