/// What keeps leases, gives them back, and drops what a snapshot holds.
///
/// Rows are locked in the order of tenants, before anything is changed.
extension SQLFunction {
  static let leasing = [
    extendLeases, releaseLeases, requeueExpired, acknowledge, backlog, receipts,
  ]

  /// - Returns the tenants whose lease is held on; an expired one is never revived.
  static let extendLeases = SQLFunction(
    "extend_leases",
    """
    (holder TEXT, tenants BIGINT[], epochs BIGINT[], duration_ms BIGINT, clock_override BIGINT)
    RETURNS BIGINT[] LANGUAGE plpgsql AS $$
    DECLARE
      moment BIGINT;
      kept BIGINT[];
    BEGIN
      PERFORM FROM duckmesh_consumer WHERE tenant_id = ANY (tenants)
      ORDER BY tenant_id FOR NO KEY UPDATE;
      moment := \(now.name)(clock_override);
      WITH extended AS (
        UPDATE duckmesh_consumer AS known
        SET leased_until = moment + duration_ms * 1000, lease_ms = duration_ms
        FROM unnest(tenants, epochs) AS held(tenant_id, epoch)
        WHERE known.tenant_id = held.tenant_id AND known.epoch = held.epoch
          AND known.owner = holder
          AND \(isLive.name)(known.owner, known.leased_until, known.lease_ms, moment)
        RETURNING known.tenant_id)
      SELECT array_agg(tenant_id ORDER BY tenant_id) INTO kept FROM extended;
      RETURN kept;
    END $$
    """)

  /// The other coordinators hear of it: they need not wait until they look by themselves.
  static let releaseLeases = SQLFunction(
    "release_leases",
    """
    (holder TEXT, tenants BIGINT[], epochs BIGINT[], clock_override BIGINT)
    RETURNS VOID LANGUAGE plpgsql AS $$
    DECLARE
      moment BIGINT;
    BEGIN
      PERFORM FROM duckmesh_consumer WHERE tenant_id = ANY (tenants)
      ORDER BY tenant_id FOR NO KEY UPDATE;
      moment := \(now.name)(clock_override);
      UPDATE duckmesh_consumer AS known
      SET epoch = known.epoch + 1, owner = NULL, leased_until = 0, lease_ms = 0
      FROM unnest(tenants, epochs) AS held(tenant_id, epoch)
      WHERE known.tenant_id = held.tenant_id AND known.epoch = held.epoch AND known.owner = holder
        AND \(isLive.name)(known.owner, known.leased_until, known.lease_ms, moment);
      IF FOUND THEN PERFORM \(signal.name)('r'); END IF;
    END $$
    """)

  /// Rows that are locked are in use by somebody and are left for the next time.
  static let requeueExpired = SQLFunction(
    "requeue_expired",
    """
    (clock_override BIGINT) RETURNS BIGINT[] LANGUAGE plpgsql AS $$
    DECLARE
      moment BIGINT := \(now.name)(clock_override);
      freed BIGINT[];
    BEGIN
      WITH expired AS (
        SELECT tenant_id FROM duckmesh_consumer
        WHERE owner IS NOT NULL AND NOT \(isLive.name)(owner, leased_until, lease_ms, moment)
        ORDER BY tenant_id FOR NO KEY UPDATE SKIP LOCKED),
      fenced AS (
        UPDATE duckmesh_consumer AS known
        SET epoch = known.epoch + 1, owner = NULL, leased_until = 0, lease_ms = 0
        FROM expired WHERE known.tenant_id = expired.tenant_id
        RETURNING known.tenant_id)
      SELECT array_agg(tenant_id ORDER BY tenant_id) INTO freed FROM fenced;
      RETURN freed;
    END $$
    """)

  /// The committed watermark bounds what is dropped whatever the caller says: an event leaves the
  /// bus only after a snapshot holds it and a running replay has read it. The watermark only
  /// rises, so it is read without a lock.
  static let acknowledge = SQLFunction(
    "acknowledge",
    """
    (tenants BIGINT[], throughs BIGINT[])
    RETURNS VOID LANGUAGE plpgsql SET enable_seqscan = off AS $$
    DECLARE
      done RECORD;
    BEGIN
      FOR done IN
        SELECT known.tenant_id, least(max(asked.through), known.watermark,
          (SELECT replay.next_token - 1 FROM duckmesh_event_replay AS replay
            WHERE replay.tenant_id = known.tenant_id AND replay.status = 'running')) AS through
        FROM unnest(tenants, throughs) AS asked(tenant_id, through)
        JOIN duckmesh_consumer AS known USING (tenant_id)
        GROUP BY known.tenant_id, known.watermark ORDER BY known.tenant_id
      LOOP
        DELETE FROM duckmesh_segment AS segment
        WHERE segment.tenant_id = done.tenant_id AND segment.first_token <= done.through
          AND segment.last_token <= done.through;
      END LOOP;
    END $$
    """)

  // These tables are empty one moment and full the next, whatever the planner's statistics say of
  // them: what follows always looks rows up by index.

  static let backlog = SQLFunction(
    "backlog",
    """
    (clock_override BIGINT) RETURNS TABLE (
      tenant_id BIGINT, head BIGINT, watermark BIGINT, oldest_published_at BIGINT, bytes BIGINT,
      owner TEXT, leased_until BIGINT, moment BIGINT, void_firsts BIGINT[], void_lasts BIGINT[])
    LANGUAGE sql STABLE SET enable_seqscan = off AS $$
      SELECT head.tenant_id, head.head, consumer.watermark, pending.oldest, pending.bytes::BIGINT,
        CASE WHEN \(isLive.name)(
          consumer.owner, consumer.leased_until, consumer.lease_ms, clock.moment)
          THEN consumer.owner END,
        consumer.leased_until, clock.moment, \(VoidRows.columns("head.tenant_id"))
      FROM (SELECT \(now.name)(clock_override) AS moment OFFSET 0) AS clock
      CROSS JOIN duckmesh_head AS head JOIN duckmesh_consumer AS consumer USING (tenant_id)
      CROSS JOIN LATERAL (
        SELECT min(segment.published_at) AS oldest, sum(segment.byte_count) AS bytes
        FROM duckmesh_segment AS segment
        WHERE segment.tenant_id = head.tenant_id AND segment.first_token > consumer.watermark
      ) AS pending
      WHERE head.head > consumer.watermark AND pending.oldest IS NOT NULL
      ORDER BY head.tenant_id
    $$
    """)

  static let receipts = SQLFunction(
    "receipts",
    """
    (keys UUID[]) RETURNS TABLE (place BIGINT, token BIGINT, content BIGINT)
    LANGUAGE sql STABLE SET enable_seqscan = off AS $$
      SELECT asked.place, known.token, known.content
      FROM unnest(keys) WITH ORDINALITY AS asked(key, place)
      CROSS JOIN LATERAL (
        SELECT stored.token, stored.content FROM duckmesh_key AS stored
        WHERE stored.key = asked.key OFFSET 0) AS known
    $$
    """)
}
