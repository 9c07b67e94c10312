import Catalog
import LakeTables
import Model
import PostgreSQL

/// Reads tables as `TableRecord`s: our own row for what is ours, DuckLake's columns for the schema.
enum TableRows {
  /// The first columns of a statement that reads tables `t` of tenants `n`.
  private static let columns = """
    t.table_id, t.tenant_id, t.table_name, t.created_at, t.schema_version, t.compatibility_mode,
      t.event_time_column, t.dropped_snapshot, n.schema_id, c.ids, c.names, c.types, c.nullable,
      c.defaults, t.primary_key, t.on_existing_key
    """
  static let columnCount = 16

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
      SELECT coalesce(array_agg(o.column_id), '{}') AS ids,
        coalesce(array_agg(o.column_name::TEXT), '{}') AS names,
        coalesce(array_agg(o.column_type::TEXT), '{}') AS types,
        coalesce(array_agg(coalesce(o.nulls_allowed, TRUE)), '{}') AS nullable,
        coalesce(array_agg(coalesce(o.default_value, 'NULL')::TEXT), '{}') AS defaults
      FROM (
        SELECT * FROM ducklake_column k
        WHERE k.table_id = t.table_id AND k.parent_column IS NULL
          AND k.begin_snapshot <= \(moment)
          AND (k.end_snapshot IS NULL OR k.end_snapshot > \(moment))
        ORDER BY k.column_order) o) c
    \(joins)
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
        primaryKey: rows.int64s(row, 14).compactMap { id in
          ids.firstIndex(of: id).map { columns[$0].name }
        },
        onExistingKey: ExistingKeyRule(rawValue: rows.text(row, 15)) ?? .upsert),
      schemaVersion: rows.int64(row, 4), columnIDs: ids,
      folder: Folders.table(schema: rows.int64(row, 8), table: table),
      createdAt: Timestamp(microseconds: rows.int64(row, 3)), isDropped: !rows.isNull(row, 7))
  }

  private static func columns(
    _ rows: PostgreSQLRows, _ row: Int, table: Int64
  ) throws(CatalogError) -> [ColumnDefinition] {
    let (names, types) = (rows.texts(row, 10), rows.texts(row, 11))
    let (nullable, defaults) = (rows.bools(row, 12), rows.texts(row, 13))
    var columns: [ColumnDefinition] = []
    for index in names.indices {
      guard let type = ColumnType(duckLakeName: types[index]) else {
        throw .damaged(reason: "column of unknown type in table \(table)")
      }
      columns.append(
        ColumnDefinition(
          name: names[index], type: type, isNullable: nullable[index],
          defaultValue: defaults[index] == ColumnDefault.absentCatalogText
            ? nil : ColumnDefault(catalogText: defaults[index])))
    }
    return columns
  }
}
