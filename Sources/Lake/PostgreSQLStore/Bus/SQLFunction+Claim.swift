/// Claiming: leases and events in one round trip.
extension SQLFunction {
  static let claiming = [isLive, claim]

  /// The rule of `LeaseRules.isLive`, and one more: a lease that ends later than its own length
  /// from now was written before the clock was set back, and is over.
  static let isLive = SQLFunction(
    "is_live",
    """
    (owner TEXT, leased_until BIGINT, lease_ms BIGINT, moment BIGINT)
    RETURNS BOOLEAN LANGUAGE sql IMMUTABLE AS $$
      SELECT owner IS NOT NULL AND leased_until > moment
        AND leased_until <= moment + lease_ms * 1000
    $$
    """)

  /// Leases the tenants that have events pending, in the order asked, and reads the events.
  ///
  /// A tenant whose row is locked is being claimed or committed by somebody else and is passed
  /// over, so a claim waits for nobody. A lease of the owner's own with more than half its time
  /// left is used as it is: such a claim writes nothing.
  static let claim = SQLFunction(
    "claim",
    """
    (
      claimer TEXT, tenants BIGINT[], tenant_limit BIGINT, byte_limit BIGINT, record_limit BIGINT,
      duration_ms BIGINT, clock_override BIGINT)
    RETURNS TABLE (
      tenant_id BIGINT, epoch BIGINT, watermark BIGINT, first_token BIGINT, last_token BIGINT,
      record_count BIGINT, byte_count BIGINT, published_at BIGINT, skipped INTEGER[], body BYTEA)
    LANGUAGE plpgsql SET enable_seqscan = off AS $$
    #variable_conflict use_column
    DECLARE
      candidate BIGINT;
      consumer RECORD;
      segment RECORD;
      moment BIGINT;
      is_own BOOLEAN;
      is_comfortable BOOLEAN;
      expected BIGINT;
      claimed_tenants BIGINT := 0;
      claimed_bytes BIGINT := 0;
      claimed_records BIGINT := 0;
    BEGIN
      <<candidates>>
      FOREACH candidate IN ARRAY tenants LOOP
        EXIT WHEN claimed_tenants >= tenant_limit OR claimed_bytes >= byte_limit
          OR claimed_records >= record_limit;
        moment := \(now.name)(clock_override);
        SELECT * INTO consumer FROM duckmesh_consumer AS known WHERE known.tenant_id = candidate;
        CONTINUE WHEN NOT FOUND;
        is_own := \(isLive.name)(
          consumer.owner, consumer.leased_until, consumer.lease_ms, moment);
        CONTINUE WHEN is_own AND consumer.owner <> claimer;
        is_comfortable := is_own AND consumer.leased_until > moment + duration_ms * 500;

        -- Twice at most: what is read without a lock may have been committed and acknowledged in
        -- between, which looks like a gap and is none.
        LOOP
          IF NOT is_comfortable THEN
            SELECT * INTO consumer FROM duckmesh_consumer AS known
            WHERE known.tenant_id = candidate FOR NO KEY UPDATE SKIP LOCKED;
            CONTINUE candidates WHEN NOT FOUND;
            moment := \(now.name)(clock_override);
            is_own := \(isLive.name)(
              consumer.owner, consumer.leased_until, consumer.lease_ms, moment);
            CONTINUE candidates WHEN is_own AND consumer.owner <> claimer;
          END IF;
          expected := consumer.watermark + 1;
          FOR segment IN
            SELECT * FROM duckmesh_segment AS pending
            WHERE pending.tenant_id = candidate AND pending.first_token > consumer.watermark
            ORDER BY pending.first_token
          LOOP
            EXIT WHEN segment.first_token <> expected;
            IF expected = consumer.watermark + 1 THEN
              claimed_tenants := claimed_tenants + 1;
              IF NOT is_comfortable THEN
                consumer.epoch := consumer.epoch + CASE WHEN is_own THEN 0 ELSE 1 END;
                UPDATE duckmesh_consumer AS known SET epoch = consumer.epoch, owner = claimer,
                  leased_until = moment + duration_ms * 1000, lease_ms = duration_ms
                WHERE known.tenant_id = candidate;
              END IF;
            END IF;
            tenant_id := candidate;
            epoch := consumer.epoch;
            watermark := consumer.watermark;
            first_token := segment.first_token;
            last_token := segment.last_token;
            record_count := segment.record_count;
            byte_count := segment.byte_count;
            published_at := segment.published_at;
            skipped := segment.skipped;
            body := segment.body;
            RETURN NEXT;
            expected := segment.last_token + 1;
            claimed_bytes := claimed_bytes + segment.byte_count;
            claimed_records := claimed_records + segment.record_count;
            segment := NULL;
            EXIT WHEN claimed_bytes >= byte_limit OR claimed_records >= record_limit;
          END LOOP;
          CONTINUE candidates WHEN segment IS NULL;
          -- The invariant of dense tokens, checked where it would do harm: a gap would be skipped.
          IF expected > consumer.watermark + 1 OR NOT is_comfortable THEN
            RAISE EXCEPTION 'no segment begins at the token after the one before'
              USING ERRCODE = '\(SQLRefusal.damaged)';
          END IF;
          is_comfortable := FALSE;
        END LOOP;
      END LOOP;
    END $$
    """)
}
