/// Who shares the work of materialising, and how much of it there is.
extension SQLFunction {
  static let membership = [memberHeartbeat]

  /// Renews the member's row and counts the living and the tenants that somebody has to look after.
  ///
  /// A row that is younger than now was written before the clock was set back: it counts as dead
  /// once it is as far off as its lifetime, either way. Rows of the long dead are taken away by
  /// whoever comes by; rows that another is taking away are left to it.
  static let memberHeartbeat = SQLFunction(
    "member_heartbeat",
    """
    (member TEXT, own_lifetime_ms BIGINT, clock_override BIGINT)
    RETURNS TABLE (live BIGINT, active BIGINT) LANGUAGE plpgsql AS $$
    DECLARE
      moment BIGINT := \(now.name)(clock_override);
    BEGIN
      INSERT INTO duckmesh_member AS known (owner, role, seen_at, lifetime_ms)
      VALUES (member, 'coordinator', moment, own_lifetime_ms)
      ON CONFLICT (owner) DO UPDATE SET seen_at = moment, lifetime_ms = own_lifetime_ms;
      DELETE FROM duckmesh_member AS gone USING (
        SELECT owner FROM duckmesh_member
        WHERE abs(moment - seen_at) > lifetime_ms * 100000 FOR UPDATE SKIP LOCKED) AS dead
      WHERE gone.owner = dead.owner;
      RETURN QUERY SELECT
        (SELECT count(*) FROM duckmesh_member
          WHERE role = 'coordinator' AND abs(moment - seen_at) < lifetime_ms * 1000),
        (SELECT count(*) FROM duckmesh_consumer AS consumer
          JOIN duckmesh_head AS head USING (tenant_id)
          WHERE head.head > consumer.watermark OR \(isLive.name)(
            consumer.owner, consumer.leased_until, consumer.lease_ms, moment));
    END $$
    """)
}
