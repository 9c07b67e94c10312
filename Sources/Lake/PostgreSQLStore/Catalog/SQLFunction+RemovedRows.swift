/// The parts of a commit of events that concern primary keys and delete files.
extension SQLFunction {
  /// Whatever came to a table since its keys were looked for, by whomever, may hold one of them.
  /// The condition goes on from one on `made.table_id`.
  static let orWasNotSearchedAsItIs = """
    OR made.table_id = ANY (
        WITH present AS MATERIALIZED (
          SELECT file.table_id, file.data_file_id,
            (SELECT gone.delete_file_id FROM ducklake_delete_file AS gone
              WHERE gone.data_file_id = file.data_file_id AND gone.end_snapshot IS NULL LIMIT 1)
              AS delete_file_id
          FROM ducklake_data_file AS file
          WHERE file.table_id = ANY (searched_tables) AND file.end_snapshot IS NULL),
        given AS MATERIALIZED (
          SELECT * FROM unnest(live_tables, live_files, live_deletes)
            AS seen(table_id, data_file_id, delete_file_id)),
        differing AS (
          (TABLE present EXCEPT TABLE given) UNION ALL (TABLE given EXCEPT TABLE present))
        SELECT differing.table_id FROM differing
        UNION ALL
        SELECT removed.table_id
        FROM unnest(delete_tables, delete_data_files) AS removed(table_id, data_file_id)
        WHERE NOT EXISTS (
          SELECT FROM given WHERE given.table_id = removed.table_id
            AND given.data_file_id = removed.data_file_id))
    """

  /// `RemovedRows.contradiction` for all tables.
  static let checkRemovedRows = """
    IF outcome IS NULL THEN
      SELECT array_agg(line.table_id) INTO refused
      FROM unnest(ledger_tables, inserted_counts, deleted_counts, no_operation_counts,
          replayed_counts) AS line(table_id, inserted, deleted, no_operation, replayed)
      WHERE line.inserted + line.deleted + line.no_operation + line.replayed > 0
        AND line.table_id = ANY (tables) AND line.table_id <> ALL (searched_tables)
        AND (SELECT cardinality(present.primary_key) FROM duckmesh_table AS present
          WHERE present.table_id = line.table_id) > 0;
      IF refused IS NOT NULL THEN outcome := 'unsearched'; END IF;
    END IF;
    IF outcome IS NULL AND cardinality(delete_names) > 0 THEN
      WITH removed AS (
        SELECT given.table_id, given.total, file.record_count, coalesce((
            SELECT gone.delete_count FROM ducklake_delete_file AS gone
            WHERE gone.data_file_id = given.data_file_id AND gone.end_snapshot IS NULL LIMIT 1), 0)
            AS before
        FROM unnest(delete_tables, delete_data_files, delete_counts)
          AS given(table_id, data_file_id, total)
        JOIN ducklake_data_file AS file ON file.data_file_id = given.data_file_id)
      SELECT array_agg(line.table_id) INTO refused
      FROM unnest(ledger_tables, removed_counts) AS line(table_id, row_count)
      WHERE line.row_count <> (
          SELECT coalesce(sum(removed.total - removed.before), 0) FROM removed
          WHERE removed.table_id = line.table_id)
        OR EXISTS (
          SELECT FROM removed WHERE removed.table_id = line.table_id
            AND (removed.total <= removed.before OR removed.total > removed.record_count));
      IF refused IS NOT NULL THEN outcome := 'miscounted'; END IF;
    END IF;
    """

  /// The delete file before ends where the new one begins.
  static let registerDeletes = """
    IF cardinality(delete_names) > 0 THEN
      UPDATE ducklake_delete_file AS old SET end_snapshot = opening.opened
      WHERE old.data_file_id = ANY (delete_data_files) AND old.end_snapshot IS NULL;
      INSERT INTO ducklake_delete_file(delete_file_id, table_id, begin_snapshot, data_file_id,
        path, path_is_relative, format, delete_count, file_size_bytes, footer_size)
      SELECT opening.first_file_id + cardinality(file_names) + made.ordinal - 1, made.table_id,
        opening.opened, made.data_file_id, made.name, TRUE, 'parquet', made.total,
        made.byte_count, made.footer_bytes
      FROM unnest(delete_tables, delete_data_files, delete_names, delete_counts, delete_sizes,
          delete_footer_sizes)
        WITH ORDINALITY
        AS made(table_id, data_file_id, name, total, byte_count, footer_bytes, ordinal);
    END IF;
    """
}
