extension SQLFunction {
  /// One commit of events: `CommitRules.check` under the locks, then all rows, set by set.
  ///
  /// Whether the commit accounts for its tokens and rows needs nothing but the commit: the caller
  /// says so, and is told only if no tenant is fenced off.
  ///
  /// `outcome` is `committed`, or says why nothing was changed: `fenced` (`refused` holds the
  /// tenants), `unaccounted`, `changed` (the tables), `foreign` (the tables of another tenant),
  /// `unsearched` (keyed tables without a look for their keys), `miscounted` (tables whose delete
  /// files do not remove what the ledger says), `letters` (`refused` holds those
  /// that are not as they were claimed), `contended`.
  static let commitEvents = SQLFunction(
    "commit_events",
    """
    (commit_name TEXT, committer TEXT,
      tenants BIGINT[], epochs BIGINT[], from_tokens BIGINT[], to_tokens BIGINT[],
      void_counts BIGINT[], tables BIGINT[], versions BIGINT[],
      file_tables BIGINT[], file_names TEXT[], file_rows BIGINT[], file_sizes BIGINT[],
      footer_sizes BIGINT[],
      statistic_files BIGINT[], statistic_columns BIGINT[], column_sizes BIGINT[],
      value_counts BIGINT[], null_counts BIGINT[], minima TEXT[], maxima TEXT[], nan_flags BIGINT[],
      \(FilePartitionValues.fileParameters),
      ledger_tenants BIGINT[], ledger_tables BIGINT[], inserted_counts BIGINT[],
      superseded_counts BIGINT[], no_operation_counts BIGINT[], dead_letter_counts BIGINT[],
      letter_tenants BIGINT[], letter_tables BIGINT[], letter_tokens BIGINT[],
      letter_versions BIGINT[], letter_operations BIGINT[], letter_reasons TEXT[],
      letter_messages TEXT[], letter_keys BYTEA[], letter_payloads BYTEA[],
      deleted_counts BIGINT[], removed_counts BIGINT[],
      searched_tables BIGINT[], live_tables BIGINT[], live_files BIGINT[], live_deletes BIGINT[],
      delete_tables BIGINT[], delete_data_files BIGINT[], delete_names TEXT[],
      delete_counts BIGINT[], delete_sizes BIGINT[], delete_footer_sizes BIGINT[],
      replayed_counts BIGINT[], replay_letters BIGINT[], replay_tenants BIGINT[],
      replay_tables BIGINT[], replay_tokens BIGINT[], replay_revisions BIGINT[],
      replay_settlements TEXT[], replay_reasons TEXT[], replay_messages TEXT[],
      tombstone_tables BIGINT[], tombstone_hashes BYTEA[], tombstone_tokens BIGINT[],
      change_words TEXT, is_accounted BOOLEAN, wall_overriding BIGINT, lease_overriding BIGINT,
      OUT outcome TEXT, OUT refused BIGINT[], OUT committed BIGINT, OUT committed_time BIGINT)
    LANGUAGE plpgsql VOLATILE \(CommitSQL.plans) AS $$
    DECLARE
      instant BIGINT;
      opening RECORD;
    BEGIN
      \(checkFences)
      \(SQLFunction.checkReplays)
      \(checkTables)
      \(registerFiles)
      \(SQLFunction.registerDeletes)
      \(moveWatermarks)
      \(leaveTraces)
      outcome := 'committed';
      committed := opening.opened;
      committed_time := \(microseconds.name)(opening.opened_at);
    END $$
    """)

  /// The clock is read after the locks are held: a lease may have run out while they were waited
  /// for.
  private static let checkFences = """
    PERFORM FROM duckmesh_consumer WHERE tenant_id = ANY (tenants)
    ORDER BY tenant_id FOR NO KEY UPDATE;
    instant := \(now.name)(lease_overriding);
    SELECT array_agg(fence.tenant_id ORDER BY fence.tenant_id) INTO refused
    FROM unnest(tenants, epochs, from_tokens, to_tokens, void_counts)
      AS fence(tenant_id, epoch, from_token, to_token, void_count)
    WHERE (
      SELECT lease.owner = committer AND lease.epoch = fence.epoch
        AND \(isLive.name)(lease.owner, lease.leased_until, lease.lease_ms, instant)
        AND lease.watermark = fence.from_token AND fence.to_token >= fence.from_token
        AND fence.to_token <= (
          SELECT issued.head FROM duckmesh_head AS issued WHERE issued.tenant_id = fence.tenant_id)
        AND fence.void_count = (
          SELECT coalesce(sum(passed.last_token - passed.first_token + 1), 0)
          FROM duckmesh_void AS passed WHERE passed.tenant_id = fence.tenant_id
            AND passed.first_token > fence.from_token AND passed.last_token <= fence.to_token)
        AND (SELECT count(*) FROM duckmesh_void AS next WHERE next.tenant_id = fence.tenant_id
          AND fence.to_token + 1 BETWEEN next.first_token AND next.last_token) = 0
      FROM duckmesh_consumer AS lease WHERE lease.tenant_id = fence.tenant_id) IS NOT TRUE;
    IF refused IS NOT NULL THEN outcome := 'fenced'; RETURN; END IF;
    IF NOT is_accounted THEN outcome := 'unaccounted'; RETURN; END IF;
    """

  /// Our own table is what the batch was made under; the lake's is asked as well, since another
  /// program may have dropped it, and files that no snapshot shows would be lost events.
  private static let checkTables = """
    opening := \(openSnapshot.name)(
      0, 0, cardinality(file_names) + cardinality(delete_names), wall_overriding);
    IF opening.opened IS NULL THEN outcome := 'contended'; RETURN; END IF;
    SELECT array_agg(made.table_id ORDER BY made.table_id) INTO refused
    FROM unnest(tables, versions) AS made(table_id, version)
    WHERE (
      SELECT present.schema_version = made.version AND present.dropped_snapshot IS NULL
        AND (SELECT count(*) FROM ducklake_table AS shown
          WHERE shown.table_id = made.table_id AND shown.end_snapshot IS NULL) > 0
      FROM duckmesh_table AS present WHERE present.table_id = made.table_id) IS NOT TRUE
      \(SQLFunction.orWasNotSearchedAsItIs);
    IF refused IS NOT NULL THEN
      outcome := 'changed';
    ELSE
      SELECT array_agg(line.table_id) INTO refused
      FROM unnest(ledger_tenants, ledger_tables) AS line(tenant_id, table_id)
      WHERE line.tenant_id IS DISTINCT FROM (
        SELECT present.tenant_id FROM duckmesh_table AS present
        WHERE present.table_id = line.table_id);
      IF refused IS NOT NULL THEN outcome := 'foreign'; END IF;
    END IF;
    \(SQLFunction.checkRemovedRows)
    IF outcome IS NOT NULL THEN
      DELETE FROM ducklake_snapshot WHERE snapshot_id = opening.opened;
      RETURN;
    END IF;
    """

  private static let registerFiles = """
    IF cardinality(file_names) > 0 THEN
      WITH file AS (
        SELECT made.*, opening.first_file_id + made.ordinal - 1 AS data_file_id,
          file_partitionings[made.ordinal] AS partitioning,
          sum(made.row_count) OVER (PARTITION BY made.table_id ORDER BY made.ordinal DESC)
            AS rows_from_here
        FROM unnest(file_tables, file_names, file_rows, file_sizes, footer_sizes)
          WITH ORDINALITY AS made(table_id, name, row_count, byte_count, footer_bytes, ordinal)),
      total AS (
        INSERT INTO ducklake_table_stats AS old(
          table_id, record_count, next_row_id, file_size_bytes)
        SELECT table_id, sum(row_count), sum(row_count), sum(byte_count)
        FROM file GROUP BY table_id ORDER BY table_id
        ON CONFLICT (table_id) DO UPDATE SET
          record_count = old.record_count + excluded.record_count,
          next_row_id = old.next_row_id + excluded.next_row_id,
          file_size_bytes = old.file_size_bytes + excluded.file_size_bytes
        RETURNING old.table_id, old.next_row_id)
      INSERT INTO ducklake_data_file(data_file_id, table_id, begin_snapshot, path,
        path_is_relative, file_format, record_count, file_size_bytes, footer_size, row_id_start,
        partition_id)
      SELECT file.data_file_id, file.table_id, opening.opened, file.name, TRUE, 'parquet',
        file.row_count, file.byte_count, file.footer_bytes,
        total.next_row_id - file.rows_from_here, file.partitioning
      FROM file JOIN total ON total.table_id = file.table_id;

      INSERT INTO ducklake_file_column_stats(data_file_id, table_id, column_id,
        column_size_bytes, value_count, null_count, min_value, max_value, contains_nan)
      SELECT opening.first_file_id + made.file - 1, file_tables[made.file], made.column_id,
        made.byte_count, made.value_count, made.null_count, made.minimum, made.maximum,
        made.nan <> 0
      FROM unnest(statistic_files, statistic_columns, column_sizes, value_counts, null_counts,
          minima, maxima, nan_flags)
        AS made(file, column_id, byte_count, value_count, null_count, minimum, maximum, nan);

      INSERT INTO ducklake_file_partition_value(data_file_id, table_id, partition_key_index,
        partition_value)
      SELECT opening.first_file_id + made.file - 1, file_tables[made.file], made.place, made.value
      FROM unnest(partition_files, partition_keys, partition_values)
        AS made(file, place, value);
    END IF;
    """

  private static let moveWatermarks = """
    INSERT INTO duckmesh_ledger(tenant_id, table_id, snapshot_id, first_token, last_token,
      inserted, superseded, no_operation, dead_lettered, deleted, removed_rows, replayed,
      table_rows)
    SELECT line.tenant_id, line.table_id, opening.opened, fence.from_token + 1, fence.to_token,
      line.inserted, line.superseded, line.no_operation, line.dead_lettered, line.deleted,
      line.removed, line.replayed, line.inserted - line.removed + coalesce(
        (SELECT last.table_rows FROM duckmesh_ledger AS last
          WHERE last.tenant_id = line.tenant_id AND last.table_id = line.table_id
          ORDER BY last.snapshot_id DESC LIMIT 1), 0)
    FROM unnest(ledger_tenants, ledger_tables, inserted_counts, superseded_counts,
        no_operation_counts, dead_letter_counts, deleted_counts, removed_counts, replayed_counts)
      AS line(tenant_id, table_id, inserted, superseded, no_operation, dead_lettered, deleted,
        removed, replayed)
    JOIN unnest(tenants, from_tokens, to_tokens) AS fence(tenant_id, from_token, to_token)
      ON fence.tenant_id = line.tenant_id;

    WITH fence AS (
      SELECT * FROM unnest(tenants, to_tokens) AS moved(tenant_id, to_token)),
    line AS (
      SELECT tenant_id, sum(inserted) AS inserted, sum(superseded) AS superseded,
        sum(no_operation) AS no_operation, sum(dead_lettered) AS dead_lettered,
        sum(deleted) AS deleted, sum(replayed) AS replayed
      FROM unnest(ledger_tenants, inserted_counts, superseded_counts, no_operation_counts,
          dead_letter_counts, deleted_counts, replayed_counts)
        AS counted(tenant_id, inserted, superseded, no_operation, dead_lettered, deleted, replayed)
      GROUP BY tenant_id),
    mark AS (
      INSERT INTO duckmesh_watermark(tenant_id, snapshot_id, watermark)
      SELECT tenant_id, opening.opened, to_token FROM fence)
    UPDATE duckmesh_consumer AS consumer SET watermark = fence.to_token,
      inserted = consumer.inserted + coalesce(line.inserted, 0),
      superseded = consumer.superseded + coalesce(line.superseded, 0),
      no_operation = consumer.no_operation + coalesce(line.no_operation, 0),
      dead_lettered = consumer.dead_lettered + coalesce(line.dead_lettered, 0),
      deleted = consumer.deleted + coalesce(line.deleted, 0),
      replayed = consumer.replayed + coalesce(line.replayed, 0)
    FROM fence LEFT JOIN line ON line.tenant_id = fence.tenant_id
    WHERE consumer.tenant_id = fence.tenant_id AND consumer.tenant_id = ANY (tenants);
    """

  private static let leaveTraces = """
    instant := \(now.name)(wall_overriding);
    IF cardinality(letter_tokens) > 0 THEN
      INSERT INTO duckmesh_dead_letter(tenant_id, table_id, token, snapshot_id, schema_version,
        operation, reason, message, idempotency_key, payload, created_at)
      SELECT letter.tenant_id, letter.table_id, letter.token, opening.opened, letter.version,
        letter.operation, letter.reason, letter.message, letter.key, letter.payload, instant
      FROM unnest(letter_tenants, letter_tables, letter_tokens, letter_versions,
          letter_operations, letter_reasons, letter_messages, letter_keys, letter_payloads)
        WITH ORDINALITY AS letter(tenant_id, table_id, token, version, operation, reason, message,
          key, payload, ordinal)
      ORDER BY letter.ordinal;
    END IF;
    \(SQLFunction.carryOutReplays)
    INSERT INTO duckmesh_commit(commit_id, snapshot_id, committed_at)
    VALUES (commit_name, opening.opened, instant);
    INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made, author, commit_extra_info)
    VALUES (opening.opened, change_words, 'duckmesh', '{"commit":"' || commit_name || '"}');
    PERFORM \(signalCommitted.name)(opening.opened, tenants, to_tokens);
    """

  /// Fences off a commit that has not begun, waits for one that is under way, and finds out.
  static let resolveEvents = SQLFunction(
    "resolve_events",
    """
    (commit_name TEXT, committer TEXT, tenants BIGINT[], epochs BIGINT[],
      OUT committed BIGINT, OUT committed_time BIGINT)
    LANGUAGE plpgsql VOLATILE \(CommitSQL.plans) AS $$
    BEGIN
      PERFORM FROM duckmesh_consumer WHERE tenant_id = ANY (tenants)
      ORDER BY tenant_id FOR NO KEY UPDATE;
      UPDATE duckmesh_consumer AS lease
      SET epoch = lease.epoch + 1, owner = NULL, leased_until = 0,
        lease_ms = 0
      FROM unnest(tenants, epochs) AS fence(tenant_id, epoch)
      WHERE lease.tenant_id = fence.tenant_id AND lease.owner = committer
        AND lease.epoch = fence.epoch;
      SELECT trace.snapshot_id, coalesce(\(microseconds.name)(snapshot.snapshot_time), 0)
      INTO committed, committed_time
      FROM duckmesh_commit AS trace LEFT JOIN ducklake_snapshot AS snapshot USING (snapshot_id)
      WHERE trace.commit_id = commit_name;
    END $$
    """)
}
