extension SQLFunction {
  /// `LeaseRules.claim` for a table: the epoch, or null when another owner's lease is live.
  static let claimTable = SQLFunction(
    "claim_table",
    """
    (leased_table BIGINT, claimant TEXT, length_ms BIGINT, overriding BIGINT, OUT claimed BIGINT)
    LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
      lease RECORD;
      instant BIGINT;
      is_live BOOLEAN;
    BEGIN
      INSERT INTO duckmesh_table_lease(table_id, epoch, owner, leased_until)
      VALUES (leased_table, 0, NULL, 0) ON CONFLICT (table_id) DO NOTHING;
      SELECT * INTO lease FROM duckmesh_table_lease WHERE table_id = leased_table
      FOR NO KEY UPDATE;
      instant := \(now.name)(overriding);
      is_live := \(isLive.name)(lease.owner, lease.leased_until, lease.lease_ms, instant);
      IF is_live AND lease.owner <> claimant THEN RETURN; END IF;
      claimed := lease.epoch + CASE WHEN is_live THEN 0 ELSE 1 END;
      UPDATE duckmesh_table_lease SET epoch = claimed, owner = claimant,
        leased_until = instant + length_ms * 1000, lease_ms = length_ms
      WHERE table_id = leased_table;
    END $$
    """)

  /// `LeaseRules.fencedOff`, where the lease is still the owner's under that epoch.
  static let fenceTable = SQLFunction(
    "fence_table",
    """
    (leased_table BIGINT, holder TEXT, held_epoch BIGINT) RETURNS VOID
    LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
      PERFORM FROM duckmesh_table_lease WHERE table_id = leased_table FOR NO KEY UPDATE;
      UPDATE duckmesh_table_lease SET epoch = epoch + 1, owner = NULL, leased_until = 0,
        lease_ms = 0
      WHERE table_id = leased_table AND owner = holder AND epoch = held_epoch;
    END $$
    """)

  /// Fences off a merge that has not begun, waits for one that is under way, and finds out.
  static let resolveMerge = SQLFunction(
    "resolve_merge",
    """
    (commit_name TEXT, leased_table BIGINT, holder TEXT, held_epoch BIGINT,
      OUT committed BIGINT, OUT committed_time BIGINT)
    LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
      PERFORM \(fenceTable.name)(leased_table, holder, held_epoch);
      SELECT trace.snapshot_id, coalesce(\(microseconds.name)(snapshot.snapshot_time), 0)
      INTO committed, committed_time
      FROM duckmesh_commit AS trace LEFT JOIN ducklake_snapshot AS snapshot USING (snapshot_id)
      WHERE trace.commit_id = commit_name;
    END $$
    """)

  /// One merge: the inputs' rows go, the output takes their place from the oldest snapshot on, and
  /// nothing that any snapshot shows changes. Files that came since the inputs were read do not
  /// matter.
  ///
  /// `outcome` is `committed`, or says why nothing was changed: `fenced`, `changed` (an input is
  /// gone, or has deletes that the output does not know), `contended`.
  static let commitMerge = SQLFunction(
    "commit_merge",
    """
    (commit_name TEXT, holder TEXT, held_epoch BIGINT, merged_table BIGINT,
      inputs BIGINT[], input_rows BIGINT[], input_begins BIGINT[], input_newest BIGINT[],
      output_name TEXT, output_rows BIGINT, output_size BIGINT, output_footer_size BIGINT,
      first_row_id BIGINT,
      statistic_columns BIGINT[], column_sizes BIGINT[], value_counts BIGINT[],
      null_counts BIGINT[], minima TEXT[], maxima TEXT[], nan_flags BIGINT[],
      \(FilePartitionValues.outputParameters),
      wall_overriding BIGINT, lease_overriding BIGINT,
      OUT outcome TEXT, OUT committed BIGINT, OUT committed_time BIGINT)
    LANGUAGE plpgsql VOLATILE \(CommitSQL.plans) AS $$
    DECLARE
      instant BIGINT;
      opening RECORD;
      input RECORD;
      folder TEXT;
    BEGIN
      \(checkTableLease)
      \(checkInputs)
      \(replaceInputs)
      UPDATE ducklake_table_stats
      SET file_size_bytes = file_size_bytes + output_size - input.byte_count
      WHERE table_id = merged_table;
      INSERT INTO duckmesh_commit(commit_id, snapshot_id, committed_at)
      VALUES (commit_name, opening.opened, instant);
      -- The only word for a merge that other writers take for a conflict.
      INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made, author, commit_extra_info)
      VALUES (opening.opened, 'merge_adjacent:' || merged_table, 'duckmesh',
        '{"commit":"' || commit_name || '"}');
      outcome := 'committed';
      committed := opening.opened;
      committed_time := \(microseconds.name)(opening.opened_at);
    END $$
    """)

  static let checkTableLease = """
    PERFORM FROM duckmesh_table_lease WHERE table_id = merged_table FOR NO KEY UPDATE;
    instant := \(now.name)(lease_overriding);
    IF NOT EXISTS (
      SELECT FROM duckmesh_table_lease AS lease
      WHERE lease.table_id = merged_table AND lease.owner = holder AND lease.epoch = held_epoch
        AND \(isLive.name)(lease.owner, lease.leased_until, lease.lease_ms, instant))
    THEN outcome := 'fenced'; RETURN; END IF;
    """

  private static let checkInputs = """
    opening := \(openSnapshot.name)(0, 0, 1, wall_overriding);
    IF opening.opened IS NULL THEN outcome := 'contended'; RETURN; END IF;
    SELECT count(*) AS found, min(file.begin_snapshot) AS oldest,
      max(coalesce(file.partial_max, file.begin_snapshot)) AS newest,
      sum(file.file_size_bytes)::BIGINT AS byte_count
    INTO input
    FROM unnest(inputs, input_rows, input_begins, input_newest)
      AS read(data_file_id, row_count, begin_snapshot, newest)
    JOIN ducklake_data_file AS file ON file.data_file_id = read.data_file_id
    WHERE file.data_file_id = ANY (inputs)
      AND file.table_id = merged_table AND file.end_snapshot IS NULL
      AND file.record_count = read.row_count AND file.begin_snapshot = read.begin_snapshot
      AND file.partial_max IS NOT DISTINCT FROM read.newest
      AND (SELECT count(*) FROM ducklake_delete_file AS gone
        WHERE gone.data_file_id = file.data_file_id) = 0;
    IF input.found <> cardinality(inputs) THEN
      DELETE FROM ducklake_snapshot WHERE snapshot_id = opening.opened;
      outcome := 'changed';
      RETURN;
    END IF;
    """

  private static let replaceInputs = """
    instant := \(now.name)(wall_overriding);
    SELECT \(CommitSQL.folder(schema: "tenant.schema_id", table: "merged_table")) INTO folder
    FROM duckmesh_table AS merged JOIN duckmesh_tenant AS tenant USING (tenant_id)
    WHERE merged.table_id = merged_table;
    WITH gone AS (
      DELETE FROM ducklake_data_file WHERE data_file_id = ANY (inputs)
      RETURNING data_file_id, path, path_is_relative)
    INSERT INTO ducklake_files_scheduled_for_deletion(
      data_file_id, path, path_is_relative, schedule_start)
    SELECT data_file_id, CASE WHEN path_is_relative THEN folder || path ELSE path END,
      path_is_relative, \(timestamp.name)(instant)
    FROM gone;
    DELETE FROM ducklake_file_column_stats WHERE data_file_id = ANY (inputs);
    DELETE FROM ducklake_file_partition_value WHERE data_file_id = ANY (inputs);
    INSERT INTO ducklake_data_file(data_file_id, table_id, begin_snapshot, path,
      path_is_relative, file_format, record_count, file_size_bytes, footer_size, row_id_start,
      partial_max, partition_id)
    VALUES (opening.first_file_id, merged_table, input.oldest, output_name, TRUE, 'parquet',
      output_rows, output_size, output_footer_size, first_row_id, input.newest,
      output_partitioning);
    \(insertOutputStatistics)
    """

  /// The statistics of the one file that a merge or a rewrite makes.
  static let insertOutputStatistics = """
    INSERT INTO ducklake_file_column_stats(data_file_id, table_id, column_id, column_size_bytes,
      value_count, null_count, min_value, max_value, contains_nan)
    SELECT opening.first_file_id, merged_table, made.column_id, made.byte_count, made.value_count,
      made.null_count, made.minimum, made.maximum, made.nan <> 0
    FROM unnest(statistic_columns, column_sizes, value_counts, null_counts, minima, maxima,
        nan_flags)
      AS made(column_id, byte_count, value_count, null_count, minimum, maximum, nan);
    \(FilePartitionValues.insertion(table: "merged_table"))
    """
}
