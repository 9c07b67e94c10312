import Catalog
import LakeTables
import Model
import PostgreSQL

/// Reads tables as `TableRecord`s: our own row for what is ours, DuckLake's columns for the schema.
enum TableRows {
  /// The first columns of a statement that reads tables `t` of tenants `n`.
  private static let columns = """
    t.table_id, t.tenant_id, t.table_name, t.created_at, v.version, t.compatibility_mode,
      CASE WHEN v.compatibility_mode IS NULL THEN t.event_time_column ELSE v.event_time_column END,
      t.dropped_snapshot, n.schema_id, c.ids, c.names, c.types, c.nullable, c.defaults,
      v.begin_snapshot, c.initial_defaults, c.comments,
      coalesce(v.compatibility_mode, t.compatibility_mode), coalesce(v.created_at, t.created_at),
      t.primary_key, t.on_existing_key
    """
  static let columnCount = 21

  /// Tables with the columns that they have at `moment`, in one statement.
  ///
  /// - Parameters:
  ///   - moment: SQL for the snapshot; without one the newest columns, those before the drop for a
  ///     dropped table.
  ///   - more: further columns.
  ///   - joins: further joins, after those of `t`, `n` and the columns.
  static func selection(
    at moment: String = "coalesce(t.dropped_snapshot - 1, 9223372036854775807)",
    more: String = "", joins: String = ""
  ) -> String {
    """
    SELECT \(columns)\(more.isEmpty ? "" : ", " + more)
    FROM duckmesh_table t JOIN duckmesh_tenant n USING (tenant_id)
    CROSS JOIN LATERAL (
      SELECT * FROM duckmesh_schema_version e
      WHERE e.table_id = t.table_id AND e.begin_snapshot <= \(moment)
      ORDER BY e.version DESC LIMIT 1) v
    \(columns(at: moment)) \(joins)
    """
  }

  /// Every version of tables below a number that the statement's second parameter is, newest first.
  static let versions = """
    SELECT \(columns) FROM duckmesh_table t JOIN duckmesh_tenant n USING (tenant_id)
    JOIN duckmesh_schema_version v USING (table_id)
    \(columns(at: "v.begin_snapshot"))
    """

  private static func columns(at moment: String) -> String {
    """
    CROSS JOIN LATERAL (
      SELECT coalesce(array_agg(o.column_id), '{}') AS ids,
        coalesce(array_agg(o.column_name::TEXT), '{}') AS names,
        coalesce(array_agg(o.column_type::TEXT), '{}') AS types,
        coalesce(array_agg(coalesce(o.nulls_allowed, TRUE)), '{}') AS nullable,
        coalesce(array_agg(coalesce(o.default_value, 'NULL')::TEXT), '{}') AS defaults,
        coalesce(array_agg(coalesce(o.initial_default, 'NULL')::TEXT), '{}') AS initial_defaults,
        coalesce(array_agg(coalesce(o.comment, '')), '{}') AS comments
      FROM (
        SELECT k.*, (
          SELECT g.value::TEXT FROM ducklake_column_tag g
          WHERE g.table_id = k.table_id AND g.column_id = k.column_id AND g.key = 'comment'
            AND g.begin_snapshot <= \(moment)
            AND (g.end_snapshot IS NULL OR g.end_snapshot > \(moment))) AS comment
        FROM ducklake_column k
        WHERE k.table_id = t.table_id AND k.parent_column IS NULL
          AND k.begin_snapshot <= \(moment)
          AND (k.end_snapshot IS NULL OR k.end_snapshot > \(moment))
        ORDER BY k.column_order) o) c
    """
  }

  static func records(_ rows: PostgreSQLRows) throws(CatalogError) -> [TableRecord] {
    var records: [TableRecord] = []
    records.reserveCapacity(rows.count)
    for row in 0..<rows.count { records.append(try record(rows, row)) }
    return records
  }

  static func record(_ rows: PostgreSQLRows, _ row: Int) throws(CatalogError) -> TableRecord {
    let table = rows.int64(row, 0)
    let schema: TableSchema
    do {
      schema = try TableSchema(columns: try columns(rows, row, table: table))
    } catch let error as CatalogError {
      throw error
    } catch {
      throw .damaged(reason: "the columns of table \(table) make no schema")
    }
    let (ids, columns) = (rows.int64s(row, 9), schema.columns)
    return TableRecord(
      id: TableID(table), tenant: TenantID(rows.int64(row, 1)),
      definition: TableDefinition(
        name: rows.text(row, 2), schema: schema,
        compatibilityMode: CompatibilityMode(rawValue: rows.text(row, 5)) ?? .backward,
        eventTimeColumn: rows.optionalText(row, 6),
        primaryKey: rows.int64s(row, 19).compactMap { id in
          ids.firstIndex(of: id).map { columns[$0].name }
        },
        onExistingKey: ExistingKeyRule(rawValue: rows.text(row, 20)) ?? .upsert),
      schemaVersion: rows.int64(row, 4), columnIDs: ids,
      initialDefaults: rows.texts(row, 15).map { ColumnDefault(stored: $0) },
      versionBegin: SnapshotID(rows.int64(row, 14)),
      folder: Folders.table(schema: rows.int64(row, 8), table: table),
      createdAt: Timestamp(microseconds: rows.int64(row, 3)), isDropped: !rows.isNull(row, 7))
  }

  /// The version that a row of `versions` tells of.
  static func version(_ rows: PostgreSQLRows, _ row: Int) throws(CatalogError) -> TableVersion {
    TableVersion(
      table: try record(rows, row)
        .with(CompatibilityMode(rawValue: rows.text(row, 17)) ?? .backward),
      createdAt: Timestamp(microseconds: rows.int64(row, 18)))
  }

  private static func columns(
    _ rows: PostgreSQLRows, _ row: Int, table: Int64
  ) throws(CatalogError) -> [ColumnDefinition] {
    let (names, types) = (rows.texts(row, 10), rows.texts(row, 11))
    let (nullable, defaults) = (rows.bools(row, 12), rows.texts(row, 13))
    // No comment is empty.
    let comments = rows.texts(row, 16).map { $0.isEmpty ? nil : $0 }
    var columns: [ColumnDefinition] = []
    for index in names.indices {
      guard let type = ColumnType(duckLakeName: types[index]) else {
        throw .damaged(reason: "column of unknown type in table \(table)")
      }
      columns.append(
        ColumnDefinition(
          name: names[index], type: type, isNullable: nullable[index],
          defaultValue: ColumnDefault(stored: defaults[index]), comment: comments[index]))
    }
    return columns
  }
}
