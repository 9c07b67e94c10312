import Consistency

extension SQLFunction {
  /// Makes a tenant, or finds the one of that name; null when `most` are there already.
  ///
  /// The lake's head is locked before the name is looked for, so two processes make it once.
  static let makeTenant = SQLFunction(
    "make_tenant",
    """
    (name TEXT, most BIGINT, overriding BIGINT, OUT made_tenant BIGINT, OUT made_schema BIGINT,
      OUT made_at BIGINT, OUT outcome TEXT)
    LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
      opening RECORD;
      floor_token BIGINT;
    BEGIN
      PERFORM FROM duckmesh_lake_head FOR NO KEY UPDATE;
      SELECT tenant_id, schema_id, created_at INTO made_tenant, made_schema, made_at
      FROM duckmesh_tenant WHERE tenant_name = name;
      IF FOUND THEN outcome := 'found'; RETURN; END IF;
      IF (SELECT count(*) FROM duckmesh_tenant) >= most THEN outcome := 'limit'; RETURN; END IF;
      opening := \(openSnapshot.name)(1, 1, 0, overriding);
      IF opening.opened IS NULL THEN outcome := 'contended'; RETURN; END IF;
      made_schema := opening.first_catalog_id;
      made_at := \(now.name)(overriding);
      INSERT INTO ducklake_schema(schema_id, schema_uuid, begin_snapshot, schema_name, path,
        path_is_relative)
      VALUES (made_schema, gen_random_uuid(), opening.opened, name,
        'schema-' || made_schema || '/', TRUE);
      INSERT INTO duckmesh_tenant(tenant_name, schema_id, created_at)
      VALUES (name, made_schema, made_at) RETURNING tenant_id INTO made_tenant;
      -- A tenant of this name may have been in a life that was lost, so tokens begin where those
      -- of the catalog's generation do.
      SELECT (value::BIGINT - \(LakeGeneration.first)) * \(LakeGeneration.stride) INTO floor_token
      FROM duckmesh_meta WHERE key = 'generation';
      INSERT INTO duckmesh_head(tenant_id, head) VALUES (made_tenant, floor_token);
      INSERT INTO duckmesh_consumer(tenant_id, watermark, epoch, leased_until)
      VALUES (made_tenant, floor_token, 0, 0);
      INSERT INTO duckmesh_watermark(tenant_id, snapshot_id, watermark)
      VALUES (made_tenant, opening.opened, floor_token);
      INSERT INTO duckmesh_void(tenant_id, first_token, last_token, snapshot_id, recorded_at)
      SELECT made_tenant, 1, floor_token, opening.opened, made_at WHERE floor_token > 0;
      INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made, author)
      VALUES (opening.opened, 'created_schema:"' || replace(name, '"', '""') || '"', 'duckmesh');
      PERFORM \(signalTablesChanged.name)(ARRAY[made_tenant]);
      outcome := 'made';
    END $$
    """)

  /// Makes a table. `outcome` is `made`, `exists`, `unknown` (no such tenant) or `contended`.
  ///
  /// A table of that name that another program made in the tenant's schema is in the way as well.
  static let makeTable = SQLFunction(
    "make_table",
    """
    (tenant BIGINT, name TEXT, mode TEXT, time_column TEXT, column_ids BIGINT[],
      free_column_id BIGINT, column_names TEXT[],
      column_types TEXT[], column_defaults TEXT[], nullable BOOLEAN[], comments TEXT[],
      \(InnerColumnValues.parameters),
      key_columns BIGINT[], existing_key_rule TEXT, \(LayoutValues.parameters),
      overriding BIGINT,
      OUT outcome TEXT, OUT made_table BIGINT, OUT made_schema BIGINT, OUT made_at BIGINT,
      OUT made_snapshot BIGINT)
    LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
      opening RECORD;
      schema_name TEXT;
    BEGIN
      PERFORM FROM duckmesh_head WHERE tenant_id = tenant FOR UPDATE;
      SELECT schema_id, tenant_name INTO made_schema, schema_name
      FROM duckmesh_tenant WHERE tenant_id = tenant;
      IF NOT FOUND THEN outcome := 'unknown'; RETURN; END IF;
      opening := \(openSnapshot.name)(1, 1 + \(LayoutValues.idCount), 0, overriding);
      IF opening.opened IS NULL THEN outcome := 'contended'; RETURN; END IF;
      IF EXISTS (
        SELECT FROM duckmesh_table
        WHERE tenant_id = tenant AND lower(table_name) = lower(name COLLATE "C")
          AND dropped_snapshot IS NULL
        UNION ALL
        SELECT FROM ducklake_table AS shown
        WHERE shown.schema_id = made_schema AND shown.end_snapshot IS NULL
          AND lower(shown.table_name COLLATE "C") = lower(name COLLATE "C"))
      THEN
        DELETE FROM ducklake_snapshot WHERE snapshot_id = opening.opened;
        outcome := 'exists';
        RETURN;
      END IF;
      made_table := opening.first_catalog_id;
      made_snapshot := opening.opened;
      made_at := \(now.name)(overriding);
      INSERT INTO ducklake_table(table_id, table_uuid, begin_snapshot, schema_id, table_name, path,
        path_is_relative)
      VALUES (made_table, gen_random_uuid(), opening.opened, made_schema, name,
        'table-' || made_table || '/', TRUE);
      INSERT INTO ducklake_column(column_id, begin_snapshot, table_id, column_order, column_name,
        column_type, default_value, nulls_allowed, default_value_type, default_value_dialect)
      SELECT made.id, opening.opened, made_table, made.ordinal, made.name, made.type,
        made.value, made.is_nullable, \(InnerColumnValues.defaultType("made.type")), 'duckdb'
      FROM unnest(column_ids, column_names, column_types, column_defaults, nullable)
        WITH ORDINALITY AS made(id, name, type, value, is_nullable, ordinal);
      \(InnerColumnValues.insertion(table: "made_table"))
      INSERT INTO ducklake_schema_versions(begin_snapshot, schema_version, table_id)
      VALUES (opening.opened, opening.opened_schema_version, made_table);
      INSERT INTO duckmesh_table(table_id, tenant_id, table_name, created_at, created_snapshot,
        schema_version, next_column_id, compatibility_mode, event_time_column,
        primary_key, on_existing_key, partitioning_id, partitioning, sort_order)
      VALUES (made_table, tenant, name, made_at, opening.opened, 1,
        free_column_id, mode, time_column, key_columns, existing_key_rule,
        CASE WHEN cardinality(partition_columns) > 0 THEN made_table + 1 END,
        stored_partitioning, stored_order);
      \(LayoutValues.insertion)
      INSERT INTO ducklake_column_tag(table_id, column_id, begin_snapshot, key, value)
      SELECT made_table, made.id, opening.opened, 'comment', made.comment
      FROM unnest(column_ids, comments) AS made(id, comment) WHERE made.comment <> '';
      INSERT INTO duckmesh_schema_version(table_id, version, begin_snapshot, created_at,
        compatibility_mode, event_time_column)
      VALUES (made_table, 1, opening.opened, made_at, mode, time_column);
      \(carryWatermark)
      INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made, author)
      VALUES (opening.opened,
        'created_table:"' || replace(schema_name, '"', '""') || '"."'
          || replace(name, '"', '""') || '"', 'duckmesh');
      PERFORM \(signalTablesChanged.name)(ARRAY[tenant]);
      outcome := 'made';
    END $$
    """)

  /// Ends everything of a table at a new snapshot; older ones keep reading it. The caller holds the
  /// tenant's head row. The result is false when the lake's head could not be had.
  static let endTable = SQLFunction(
    "end_table",
    """
    (tenant BIGINT, ended_table BIGINT, overriding BIGINT) RETURNS BOOLEAN
    LANGUAGE plpgsql VOLATILE \(CommitSQL.plans) AS $$
    DECLARE
      opening RECORD;
    BEGIN
      opening := \(openSnapshot.name)(1, 0, 0, overriding);
      IF opening.opened IS NULL THEN RETURN FALSE; END IF;
      UPDATE ducklake_table SET end_snapshot = opening.opened
      WHERE table_id = ended_table AND end_snapshot IS NULL;
      UPDATE ducklake_column SET end_snapshot = opening.opened
      WHERE table_id = ended_table AND end_snapshot IS NULL;
      UPDATE ducklake_column_tag SET end_snapshot = opening.opened
      WHERE table_id = ended_table AND end_snapshot IS NULL;
      UPDATE ducklake_data_file SET end_snapshot = opening.opened
      WHERE table_id = ended_table AND end_snapshot IS NULL;
      UPDATE ducklake_delete_file SET end_snapshot = opening.opened
      WHERE table_id = ended_table AND end_snapshot IS NULL;
      UPDATE ducklake_partition_info SET end_snapshot = opening.opened
      WHERE table_id = ended_table AND end_snapshot IS NULL;
      UPDATE ducklake_sort_info SET end_snapshot = opening.opened
      WHERE table_id = ended_table AND end_snapshot IS NULL;
      UPDATE duckmesh_table SET dropped_snapshot = opening.opened WHERE table_id = ended_table;
      \(carryWatermark)
      INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made, author)
      VALUES (opening.opened, 'dropped_table:' || ended_table, 'duckmesh');
      PERFORM \(signalTablesChanged.name)(ARRAY[tenant]);
      RETURN TRUE;
    END $$
    """)

  /// A change of tables moves no watermark, but the snapshot becomes one of the tenant's. What the
  /// watermark is says its newest row, which only commits to the lake write.
  static let carryWatermark = """
    INSERT INTO duckmesh_watermark(tenant_id, snapshot_id, watermark)
    SELECT tenant_id, opening.opened, watermark FROM duckmesh_consumer WHERE tenant_id = tenant;
    """
}
