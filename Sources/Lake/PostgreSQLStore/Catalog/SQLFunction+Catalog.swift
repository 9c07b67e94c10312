extension SQLFunction {
  static let catalog =
    [openSnapshot] + replaying + [commitEvents, resolveEvents]
    + [claimTable, fenceTable, commitMerge, resolveMerge, commitRewrite]
    + pins + eventReplays
    + [makeTenant, makeTable, alterTable, endTable, expireSnapshots, raiseEpochs, adopt]
}

/// What functions that commit have in common.
enum CommitSQL {
  /// A plan that is made while the tables are empty is kept for as long as its connection lives:
  /// it must not read through them. What is looked up row by row is written as a subquery in the
  /// list or the condition, which nothing turns into a join that reads a whole table.
  static let plans = "SET enable_seqscan = off"

  /// A table's folder, as `Folders.table` names it.
  static func folder(schema: String, table: String) -> String {
    "'schema-' || \(schema) || '/table-' || \(table) || '/'"
  }
}

extension SQLFunction {
  /// Makes the next snapshot's row under the lock of the lake's head.
  ///
  /// Programs that do not know that lock (the DuckLake extension) take the next id by its primary
  /// key alone. Whoever of them comes first is waited for and then built upon; whoever comes after
  /// this row fails and tries again. So from here on until the end of the transaction nothing of
  /// the lake changes: what must be checked against it is checked after this call, and a refusal
  /// takes the row away again.
  ///
  /// The result is null when others took every id that was tried for.
  static let openSnapshot = SQLFunction(
    "open_snapshot",
    """
    (schema_changes BIGINT, catalog_ids BIGINT, file_ids BIGINT, overriding BIGINT,
      OUT opened BIGINT, OUT opened_at TIMESTAMP WITH TIME ZONE, OUT opened_schema_version BIGINT,
      OUT first_catalog_id BIGINT, OUT first_file_id BIGINT)
    LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
      PERFORM FROM duckmesh_lake_head FOR NO KEY UPDATE;
      FOR attempt IN 1..100 LOOP
        INSERT INTO ducklake_snapshot AS made(
          snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id)
        SELECT head.snapshot_id + 1,
          greatest(
            \(timestamp.name)(\(now.name)(overriding)),
            head.snapshot_time + INTERVAL '1 microsecond'),
          head.schema_version + schema_changes, head.next_catalog_id + catalog_ids,
          head.next_file_id + file_ids
        FROM (SELECT * FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1) AS head
        ON CONFLICT (snapshot_id) DO NOTHING
        RETURNING made.snapshot_id, made.snapshot_time, made.schema_version,
          made.next_catalog_id - catalog_ids, made.next_file_id - file_ids
        INTO opened, opened_at, opened_schema_version, first_catalog_id, first_file_id;
        IF FOUND THEN RETURN; END IF;
      END LOOP;
    END $$
    """)
}
