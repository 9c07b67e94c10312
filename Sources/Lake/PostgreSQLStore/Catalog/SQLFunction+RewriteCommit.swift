extension SQLFunction {
  /// One rewrite: the inputs end, and the output takes their place from the snapshot of the commit
  /// on. What older snapshots show stays in the inputs.
  ///
  /// `outcome` is `committed`, or says why nothing was changed: `fenced`, `changed` (an input or
  /// the delete file over it is not as it was read), `schema` (the table's is another),
  /// `contended`.
  static let commitRewrite = SQLFunction(
    "commit_rewrite",
    """
    (commit_name TEXT, holder TEXT, held_epoch BIGINT, merged_table BIGINT, version BIGINT,
      inputs BIGINT[], input_rows BIGINT[], input_begins BIGINT[], input_newest BIGINT[],
      input_deletes BIGINT[], input_delete_counts BIGINT[],
      output_name TEXT, output_rows BIGINT, output_size BIGINT, output_footer_size BIGINT,
      first_row_id BIGINT,
      deletes_name TEXT, deletes_count BIGINT, deletes_size BIGINT, deletes_footer_size BIGINT,
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
    BEGIN
      \(checkTableLease)
      \(checkRewrittenInputs)
      \(endInputs)
      \(insertOutput)
      instant := \(now.name)(wall_overriding);
      UPDATE ducklake_table_stats SET
        record_count = record_count + output_rows - input.row_count,
        file_size_bytes = file_size_bytes + output_size - input.byte_count
      WHERE table_id = merged_table;
      INSERT INTO duckmesh_watermark(tenant_id, snapshot_id, watermark)
      SELECT tenant_id, opening.opened, watermark FROM duckmesh_consumer
      WHERE tenant_id = (
        SELECT owned.tenant_id FROM duckmesh_table AS owned WHERE owned.table_id = merged_table);
      INSERT INTO duckmesh_commit(commit_id, snapshot_id, committed_at)
      VALUES (commit_name, opening.opened, instant);
      INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made, author, commit_extra_info)
      VALUES (opening.opened, 'rewrite_delete:' || merged_table, 'duckmesh',
        '{"commit":"' || commit_name || '"}');
      outcome := 'committed';
      committed := opening.opened;
      committed_time := \(microseconds.name)(opening.opened_at);
    END $$
    """)

  private static let checkRewrittenInputs = """
    opening := \(openSnapshot.name)(0, 0, 2, wall_overriding);
    IF opening.opened IS NULL THEN outcome := 'contended'; RETURN; END IF;
    SELECT count(*) AS found, sum(file.record_count)::BIGINT AS row_count,
      sum(file.file_size_bytes)::BIGINT AS byte_count
    INTO input
    FROM unnest(inputs, input_rows, input_begins, input_newest, input_deletes,
        input_delete_counts)
      AS read(data_file_id, row_count, begin_snapshot, newest, delete_file_id, delete_count)
    JOIN ducklake_data_file AS file ON file.data_file_id = read.data_file_id
    WHERE file.data_file_id = ANY (inputs)
      AND file.table_id = merged_table AND file.end_snapshot IS NULL
      AND file.record_count = read.row_count AND file.begin_snapshot = read.begin_snapshot
      AND file.partial_max IS NOT DISTINCT FROM read.newest
      AND (SELECT gone.delete_file_id FROM ducklake_delete_file AS gone
        WHERE gone.data_file_id = read.data_file_id AND gone.end_snapshot IS NULL LIMIT 1)
        IS NOT DISTINCT FROM read.delete_file_id
      AND (SELECT gone.delete_count FROM ducklake_delete_file AS gone
        WHERE gone.data_file_id = read.data_file_id AND gone.end_snapshot IS NULL LIMIT 1)
        IS NOT DISTINCT FROM read.delete_count;
    IF version IS NOT NULL AND version IS DISTINCT FROM (
      SELECT present.schema_version FROM duckmesh_table AS present
      WHERE present.table_id = merged_table)
    THEN outcome := 'schema';
    ELSIF input.found <> cardinality(inputs) THEN outcome := 'changed';
    END IF;
    IF outcome IS NOT NULL THEN
      DELETE FROM ducklake_snapshot WHERE snapshot_id = opening.opened;
      RETURN;
    END IF;
    """

  private static let endInputs = """
    UPDATE ducklake_delete_file AS old SET end_snapshot = opening.opened
    WHERE old.data_file_id = ANY (inputs) AND old.end_snapshot IS NULL;
    UPDATE ducklake_data_file AS old SET end_snapshot = opening.opened
    WHERE old.data_file_id = ANY (inputs);
    """

  private static let insertOutput = """
    IF output_name IS NOT NULL THEN
      INSERT INTO ducklake_data_file(data_file_id, table_id, begin_snapshot, path,
        path_is_relative, file_format, record_count, file_size_bytes, footer_size, row_id_start,
        partition_id)
      VALUES (opening.first_file_id, merged_table, opening.opened, output_name, TRUE, 'parquet',
        output_rows, output_size, output_footer_size, first_row_id,
        output_partitioning);
      \(insertOutputStatistics)
    END IF;
    IF deletes_name IS NOT NULL THEN
      INSERT INTO ducklake_delete_file(delete_file_id, table_id, begin_snapshot, data_file_id,
        path, path_is_relative, format, delete_count, file_size_bytes, footer_size)
      VALUES (opening.first_file_id + 1, merged_table, opening.opened, opening.first_file_id,
        deletes_name, TRUE, 'parquet', deletes_count, deletes_size, deletes_footer_size);
    END IF;
    """
}
