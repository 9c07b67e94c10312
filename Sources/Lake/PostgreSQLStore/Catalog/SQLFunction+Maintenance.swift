import LakeTables

extension SQLFunction {
  /// Takes snapshots out of the lake and schedules the files that only they reached.
  ///
  /// A tenant's state at a snapshot is its newest row at or before it. The rows of a snapshot that
  /// goes are therefore handed to the next one that stays: of all that move to one snapshot the
  /// newest is its state, and what is there stays.
  static let expireSnapshots = SQLFunction(
    "expire_snapshots",
    """
    (candidates BIGINT[], most_files BIGINT, overriding BIGINT) RETURNS BIGINT
    LANGUAGE plpgsql VOLATILE \(CommitSQL.plans) AS $$
    DECLARE
      leaving BIGINT[];
      successors BIGINT[];
      instant BIGINT;
      -- The first snapshot that stays after all that went: what ends later and has begun by then
      -- is still shown there, so that what ended later need not be looked at.
      horizon BIGINT := 9223372036854775807;
    BEGIN
      PERFORM FROM duckmesh_lake_head FOR NO KEY UPDATE;
      instant := \(now.name)(overriding);
      WITH gone AS (
        DELETE FROM ducklake_snapshot WHERE snapshot_id = ANY (candidates)
          AND snapshot_id <> (SELECT max(newest.snapshot_id) FROM ducklake_snapshot AS newest)
          AND NOT EXISTS (
            SELECT FROM duckmesh_pin AS pin
            WHERE ducklake_snapshot.snapshot_id BETWEEN pin.first_snapshot AND pin.last_snapshot
              AND \(PinSQL.isLive("pin", now: "instant")))
          AND NOT EXISTS (
            SELECT FROM duckmesh_watermark AS mark
            WHERE mark.snapshot_id = ducklake_snapshot.snapshot_id AND NOT EXISTS (
              SELECT FROM duckmesh_watermark AS later
              WHERE later.tenant_id = mark.tenant_id AND later.snapshot_id > mark.snapshot_id))
        RETURNING snapshot_id)
      SELECT coalesce(array_agg(snapshot_id ORDER BY snapshot_id), '{}') INTO leaving FROM gone;
      IF cardinality(leaving) > 0 THEN
        -- The commit's own trace goes with it: nobody is in doubt about it any more.
        DELETE FROM ducklake_snapshot_changes WHERE snapshot_id = ANY (leaving);
        DELETE FROM duckmesh_commit WHERE snapshot_id = ANY (leaving);
        DELETE FROM duckmesh_restore WHERE snapshot_id = ANY (leaving);
        SELECT array_agg(
          (SELECT min(next.snapshot_id) FROM ducklake_snapshot AS next
            WHERE next.snapshot_id > gone.snapshot_id) ORDER BY gone.snapshot_id)
        INTO successors FROM unnest(leaving) AS gone(snapshot_id);
        horizon := successors[cardinality(successors)];
        \(handOnWatermarks)
        \(handOnLedger)
      END IF;
      \(scheduleFiles(of: "data_file"))
      \(scheduleFiles(of: "delete_file"))
      RETURN cardinality(leaving);
    END $$
    """)

  private static let handOnWatermarks = """
    WITH moved AS (
      DELETE FROM duckmesh_watermark WHERE snapshot_id = ANY (leaving)
      RETURNING tenant_id, snapshot_id, watermark)
    INSERT INTO duckmesh_watermark(tenant_id, snapshot_id, watermark)
    SELECT DISTINCT ON (moved.tenant_id, place.successor)
      moved.tenant_id, place.successor, moved.watermark
    FROM moved JOIN unnest(leaving, successors) AS place(snapshot_id, successor)
      USING (snapshot_id)
    ORDER BY moved.tenant_id, place.successor, moved.snapshot_id DESC
    ON CONFLICT (tenant_id, snapshot_id) DO NOTHING;
    """

  private static let handOnLedger = """
    WITH moved AS (
      DELETE FROM duckmesh_ledger WHERE snapshot_id = ANY (leaving) RETURNING *),
    placed AS (
      SELECT moved.*, place.successor,
        row_number() OVER (
          PARTITION BY moved.tenant_id, moved.table_id, place.successor
          ORDER BY moved.snapshot_id DESC) AS age
      FROM moved JOIN unnest(leaving, successors) AS place(snapshot_id, successor)
        USING (snapshot_id))
    INSERT INTO duckmesh_ledger AS kept(tenant_id, table_id, snapshot_id, first_token, last_token,
      inserted, superseded, no_operation, dead_lettered, deleted, removed_rows, replayed,
      restored_rows, undone_rows, table_rows)
    SELECT tenant_id, table_id, successor, min(first_token),
      max(last_token) FILTER (WHERE age = 1), sum(inserted), sum(superseded), sum(no_operation),
      sum(dead_lettered), sum(deleted), sum(removed_rows), sum(replayed), sum(restored_rows),
      sum(undone_rows),
      max(table_rows) FILTER (WHERE age = 1)
    FROM placed GROUP BY tenant_id, table_id, successor
    ON CONFLICT (tenant_id, table_id, snapshot_id) DO UPDATE SET
      first_token = least(kept.first_token, excluded.first_token),
      inserted = kept.inserted + excluded.inserted,
      superseded = kept.superseded + excluded.superseded,
      no_operation = kept.no_operation + excluded.no_operation,
      dead_lettered = kept.dead_lettered + excluded.dead_lettered,
      deleted = kept.deleted + excluded.deleted,
      removed_rows = kept.removed_rows + excluded.removed_rows,
      replayed = kept.replayed + excluded.replayed,
      restored_rows = kept.restored_rows + excluded.restored_rows,
      undone_rows = kept.undone_rows + excluded.undone_rows;
    """

  /// Files that ended and that no snapshot lies in the life of any more. What is beyond the bound
  /// is found by the next call.
  private static func scheduleFiles(of kind: String) -> String {
    let statistics =
      kind == "data_file"
      ? """
      , statistic AS (
        DELETE FROM ducklake_file_column_stats WHERE data_file_id IN (
          SELECT file_id FROM unreachable))
      , part AS (
        DELETE FROM ducklake_file_partition_value WHERE data_file_id IN (
          SELECT file_id FROM unreachable))
      """ : ""
    return """
      WITH unreachable AS MATERIALIZED (
        SELECT file.\(kind)_id AS file_id,
          \(CommitSQL.folder(schema: "tenant.schema_id", table: "file.table_id")) AS folder
        FROM ducklake_\(kind) AS file JOIN duckmesh_table AS owned USING (table_id)
        JOIN duckmesh_tenant AS tenant USING (tenant_id)
        WHERE file.end_snapshot IS NOT NULL AND file.end_snapshot <= horizon AND NOT EXISTS (
          SELECT FROM ducklake_snapshot AS shown
          WHERE shown.snapshot_id >= file.begin_snapshot
            AND shown.snapshot_id < file.end_snapshot)
        LIMIT most_files)\(statistics),
      gone AS (
        DELETE FROM ducklake_\(kind) AS file USING unreachable
        WHERE file.\(kind)_id = unreachable.file_id
        RETURNING file.\(kind)_id AS file_id, unreachable.folder, file.path,
          file.path_is_relative)
      INSERT INTO ducklake_files_scheduled_for_deletion(
        data_file_id, path, path_is_relative, schedule_start)
      SELECT file_id, CASE WHEN path_is_relative THEN folder || path ELSE path END,
        path_is_relative, \(timestamp.name)(instant)
      FROM gone;
      """
  }

  /// Raises the epochs of leases that have run out. A row that is locked is in use by a commit or a
  /// claim: its epoch stands as it is, which is as good, since only older ones are over.
  static let raiseEpochs = SQLFunction(
    "raise_epochs",
    """
    (overriding BIGINT) RETURNS VOID LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
      instant BIGINT := \(now.name)(overriding);
    BEGIN
      UPDATE duckmesh_consumer SET epoch = epoch + 1, owner = NULL, leased_until = 0,
        lease_ms = 0
      WHERE tenant_id IN (
        SELECT lease.tenant_id FROM duckmesh_consumer AS lease
        WHERE lease.owner IS NOT NULL
          AND NOT \(isLive.name)(lease.owner, lease.leased_until, lease.lease_ms, instant)
        ORDER BY lease.tenant_id FOR NO KEY UPDATE SKIP LOCKED);
      UPDATE duckmesh_table_lease SET epoch = epoch + 1, owner = NULL, leased_until = 0,
        lease_ms = 0
      WHERE table_id IN (
        SELECT lease.table_id FROM duckmesh_table_lease AS lease
        WHERE lease.owner IS NOT NULL
          AND NOT \(isLive.name)(lease.owner, lease.leased_until, lease.lease_ms, instant)
        ORDER BY lease.table_id FOR NO KEY UPDATE SKIP LOCKED);
    END $$
    """)
}
