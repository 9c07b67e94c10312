extension SQLFunction {
  /// Makes the next version of a table's schema. `outcome` is `altered`, `unknown` (no such live
  /// table), `changed` (it has another version than `base`) or `contended`.
  ///
  /// Columns come in their new order, new ones with the id 0; without any only the mode changes.
  static let alterTable = SQLFunction(
    "alter_table",
    """
    (altered_table BIGINT, base BIGINT, mode TEXT, time_column TEXT, column_ids BIGINT[],
      column_widths BIGINT[],
      column_names TEXT[], column_types TEXT[], column_defaults TEXT[], initial_defaults TEXT[],
      nullable BOOLEAN[], comments TEXT[], \(InnerColumnValues.parameters),
      \(LayoutValues.orderParameters), overriding BIGINT,
      OUT outcome TEXT)
    LANGUAGE plpgsql VOLATILE \(CommitSQL.plans) AS $$
    DECLARE
      opening RECORD;
      tenant BIGINT;
      next_id BIGINT;
    BEGIN
      SELECT tenant_id INTO tenant FROM duckmesh_table WHERE table_id = altered_table;
      -- The tenant's head first: publishing and changes of tables are serial.
      PERFORM FROM duckmesh_head WHERE tenant_id = tenant FOR UPDATE;
      outcome := (SELECT CASE WHEN shown.dropped_snapshot IS NOT NULL THEN 'unknown'
          WHEN shown.schema_version <> base THEN 'changed' ELSE 'altered' END
        FROM duckmesh_table AS shown WHERE shown.table_id = altered_table);
      outcome := coalesce(outcome, 'unknown');
      IF outcome <> 'altered' THEN RETURN; END IF;
      IF cardinality(column_ids) = 0 THEN
        UPDATE duckmesh_table SET compatibility_mode = mode WHERE table_id = altered_table;
        PERFORM \(signalTablesChanged.name)(ARRAY[tenant]);
        RETURN;
      END IF;
      opening := \(openSnapshot.name)(
        1, \(LayoutValues.orderIDCount), 0, overriding);
      IF opening.opened IS NULL THEN outcome := 'contended'; RETURN; END IF;
      SELECT next_column_id INTO next_id FROM duckmesh_table WHERE table_id = altered_table;
      SELECT array_agg(CASE WHEN made.id = 0 THEN next_id + made.taken - made.width ELSE made.id END
          ORDER BY made.ordinal),
        next_id + coalesce(sum(made.width) FILTER (WHERE made.id = 0), 0)::BIGINT
      INTO column_ids, next_id
      FROM (
        SELECT given.id, given.width, given.ordinal,
          (sum(given.width) FILTER (WHERE given.id = 0) OVER (ORDER BY given.ordinal))::BIGINT
            AS taken
        FROM unnest(column_ids, column_widths) WITH ORDINALITY AS given(id, width, ordinal)) AS made;
      \(writeColumns)
      \(writeComments)
      \(writeOrder)
      INSERT INTO ducklake_schema_versions(begin_snapshot, schema_version, table_id)
      VALUES (opening.opened, opening.opened_schema_version, altered_table);
      UPDATE duckmesh_table SET schema_version = base + 1, next_column_id = next_id,
        compatibility_mode = mode, event_time_column = time_column
      WHERE table_id = altered_table;
      INSERT INTO duckmesh_schema_version(table_id, version, begin_snapshot, created_at,
        compatibility_mode, event_time_column)
      VALUES (altered_table, base + 1, opening.opened, \(now.name)(overriding), mode, time_column);
      \(carryWatermark)
      INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made, author)
      VALUES (opening.opened, 'altered_table:' || altered_table, 'duckmesh');
      PERFORM \(signalTablesChanged.name)(ARRAY[tenant]);
    END $$
    """)

  /// The columns as rows, in the names of `ducklake_column`.
  private static let given = """
    unnest(column_ids, column_names, column_types, column_defaults, initial_defaults, nullable)
      WITH ORDINALITY AS made(id, name, type, value, first_value, is_nullable, place)
    """

  /// Ends the rows of columns that go or change, then writes those that have no row any more.
  private static let writeColumns = """
    UPDATE ducklake_column AS shown SET end_snapshot = opening.opened
    WHERE shown.table_id = altered_table AND shown.end_snapshot IS NULL
      AND shown.parent_column IS NULL AND NOT EXISTS (
        SELECT FROM \(given)
        WHERE made.id = shown.column_id AND made.name = shown.column_name
          AND made.type = shown.column_type AND made.value = shown.default_value
          AND nullif(made.first_value, 'NULL')
            IS NOT DISTINCT FROM nullif(shown.initial_default, 'NULL')
          AND made.is_nullable = shown.nulls_allowed AND made.place = shown.column_order);
    INSERT INTO ducklake_column(column_id, begin_snapshot, table_id, column_order, column_name,
      column_type, initial_default, default_value, nulls_allowed, default_value_type,
      default_value_dialect)
    SELECT made.id, opening.opened, altered_table, made.place, made.name, made.type,
      nullif(made.first_value, 'NULL'), made.value, made.is_nullable,
      \(InnerColumnValues.defaultType("made.type")), 'duckdb'
    FROM \(given)
    WHERE NOT EXISTS (
      SELECT FROM ducklake_column AS shown
      WHERE shown.table_id = altered_table AND shown.column_id = made.id
        AND shown.end_snapshot IS NULL);
    -- What is inside a column that stays does so too.
    WITH RECURSIVE staying(id) AS (
      SELECT unnest(column_ids) UNION
      SELECT c.column_id FROM staying JOIN ducklake_column AS c ON c.parent_column = staying.id
      WHERE c.table_id = altered_table AND c.end_snapshot IS NULL)
    UPDATE ducklake_column AS shown SET end_snapshot = opening.opened
    WHERE shown.table_id = altered_table AND shown.end_snapshot IS NULL
      AND shown.parent_column IS NOT NULL
      AND shown.column_id NOT IN (SELECT id FROM staying);
    \(InnerColumnValues.insertion(table: "altered_table"))
    """

  /// DuckLake's order names columns: where their names change, it has another one from then on.
  private static let writeOrder = """
    IF cardinality(sort_expressions) > 0 THEN
      UPDATE ducklake_sort_info SET end_snapshot = opening.opened
      WHERE table_id = altered_table AND end_snapshot IS NULL;
    END IF;
    \(LayoutValues.orderInsertion(table: "altered_table", id: "opening.first_catalog_id"))
    """

  private static let writeComments = """
    UPDATE ducklake_column_tag AS shown SET end_snapshot = opening.opened
    WHERE shown.table_id = altered_table AND shown.end_snapshot IS NULL AND shown.key = 'comment'
      AND NOT EXISTS (
        SELECT FROM unnest(column_ids, comments) AS made(id, comment)
        WHERE made.id = shown.column_id AND made.comment = shown.value);
    INSERT INTO ducklake_column_tag(table_id, column_id, begin_snapshot, key, value)
    SELECT altered_table, made.id, opening.opened, 'comment', made.comment
    FROM unnest(column_ids, comments) AS made(id, comment)
    WHERE made.comment <> '' AND NOT EXISTS (
      SELECT FROM ducklake_column_tag AS shown
      WHERE shown.table_id = altered_table AND shown.column_id = made.id
        AND shown.key = 'comment' AND shown.end_snapshot IS NULL);
    """
}
