import Consistency

extension SQLFunction {
  /// Makes a restored catalog fit to go on, as `IdentityCatalog` says. `adopted` is false, and
  /// nothing is changed, when the generation is not the one expected.
  ///
  /// It takes the tables that publishers, coordinators and commits lock rows of, in the order in
  /// which they lock them, so it waits for whoever is at work and no row of theirs is missed.
  static let adopt = SQLFunction(
    "adopt",
    """
    (expected BIGINT, generation BIGINT, overriding BIGINT,
      OUT adopted BOOLEAN, OUT restored BIGINT, OUT opened BIGINT, OUT tenants BIGINT,
      OUT pending BIGINT)
    LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
      jump BIGINT := (generation - expected) * \(LakeGeneration.stride);
      head RECORD;
      instant BIGINT;
    BEGIN
      LOCK TABLE duckmesh_head IN EXCLUSIVE MODE;
      LOCK TABLE duckmesh_consumer IN EXCLUSIVE MODE;
      LOCK TABLE duckmesh_table_lease IN EXCLUSIVE MODE;
      LOCK TABLE duckmesh_lake_head IN EXCLUSIVE MODE;
      -- Other programs that write to the lake.
      LOCK TABLE ducklake_snapshot IN EXCLUSIVE MODE;
      UPDATE duckmesh_meta SET value = generation::TEXT
      WHERE key = 'generation' AND value = expected::TEXT;
      adopted := FOUND;
      IF NOT adopted THEN RETURN; END IF;
      instant := \(now.name)(overriding);
      SELECT * INTO head FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1;
      restored := head.snapshot_id;
      opened := head.snapshot_id + jump;
      SELECT count(*) INTO tenants FROM duckmesh_tenant;
      SELECT coalesce(sum(issued.head - consumer.watermark - coalesce((
        SELECT sum(v.last_token - v.first_token + 1) FROM duckmesh_void AS v
        WHERE v.tenant_id = issued.tenant_id AND v.first_token > consumer.watermark), 0)), 0)
      INTO pending FROM duckmesh_head AS issued JOIN duckmesh_consumer AS consumer
        USING (tenant_id);
      \(skipTokens)
      \(skipNumbers)
    END $$
    """)

  /// A watermark that is at the head goes with it; one that is not steps over the range when it
  /// comes to it. A range that ends at the head grows, so that ranges stay apart.
  private static let skipTokens = """
    UPDATE duckmesh_consumer AS consumer
    SET epoch = consumer.epoch + \(LakeGeneration.epochStride) * (generation - expected),
      owner = NULL, leased_until = 0, lease_ms = 0,
      watermark = consumer.watermark + CASE WHEN consumer.watermark = (
        SELECT issued.head FROM duckmesh_head AS issued
        WHERE issued.tenant_id = consumer.tenant_id) THEN jump ELSE 0 END;
    UPDATE duckmesh_table_lease
    SET epoch = epoch + \(LakeGeneration.epochStride) * (generation - expected),
      owner = NULL, leased_until = 0, lease_ms = 0;
    -- Tables that nobody has merged yet may have been merged in the life that was lost.
    INSERT INTO duckmesh_table_lease(table_id, epoch, owner, leased_until)
    SELECT made.table_id, \(LakeGeneration.epochStride) * (generation - expected), NULL, 0
    FROM duckmesh_table AS made ON CONFLICT (table_id) DO NOTHING;
    WITH grown AS (
      UPDATE duckmesh_void AS void SET last_token = void.last_token + jump
      FROM duckmesh_head AS issued
      WHERE issued.tenant_id = void.tenant_id AND void.last_token = issued.head
      RETURNING void.tenant_id)
    INSERT INTO duckmesh_void(tenant_id, first_token, last_token, snapshot_id, recorded_at)
    SELECT issued.tenant_id, issued.head + 1, issued.head + jump, opened, instant
    FROM duckmesh_head AS issued
    WHERE issued.tenant_id NOT IN (SELECT grown.tenant_id FROM grown);
    UPDATE duckmesh_head AS issued SET head = issued.head + jump;
    """

  /// The new snapshot is one of every tenant's and shows what the one before it showed.
  private static let skipNumbers = """
    INSERT INTO ducklake_snapshot(
      snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id)
    VALUES (opened,
      greatest(\(timestamp.name)(instant), head.snapshot_time + INTERVAL '1 microsecond'),
      head.schema_version + jump, head.next_catalog_id + jump, head.next_file_id + jump);
    INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made, author, commit_extra_info)
    VALUES (opened, '', 'duckmesh', '{"adopted_generation":' || generation || '}');
    INSERT INTO duckmesh_watermark(tenant_id, snapshot_id, watermark)
    SELECT consumer.tenant_id, opened, consumer.watermark FROM duckmesh_consumer AS consumer;
    PERFORM setval(
      pg_get_serial_sequence('duckmesh_dead_letter', 'dead_letter_id'),
      nextval(pg_get_serial_sequence('duckmesh_dead_letter', 'dead_letter_id')) + jump);
    INSERT INTO duckmesh_adoption(
      generation, adopted_at, restored_snapshot, snapshot_id, first_lost_id, next_catalog_id)
    VALUES ($2, instant, restored, opened, head.next_catalog_id,
      head.next_catalog_id + jump);
    """
}
