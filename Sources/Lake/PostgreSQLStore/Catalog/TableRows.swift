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
      t.primary_key, t.on_existing_key,
      c.inner_ids, c.inner_parents, c.inner_orders, c.inner_names, c.inner_types,
      t.partitioning_id, t.partitioning, t.sort_order
    """
  static let columnCount = 29

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
      SELECT \(aggregates("IS NULL", of: [
        ("column_id", "ids"), ("column_name::TEXT", "names"), ("column_type::TEXT", "types"),
        ("is_nullable", "nullable"), ("default_text", "defaults"),
        ("initial_text", "initial_defaults"), ("comment", "comments"),
      ])),
      \(aggregates("IS NOT NULL", of: [
        ("column_id", "inner_ids"), ("parent_column", "inner_parents"),
        ("column_order", "inner_orders"), ("column_name::TEXT", "inner_names"),
        ("column_type::TEXT", "inner_types"),
      ]))
      FROM (
        SELECT k.*, coalesce(k.nulls_allowed, TRUE) AS is_nullable,
          coalesce(k.default_value, 'NULL')::TEXT AS default_text,
          coalesce(k.initial_default, 'NULL')::TEXT AS initial_text, coalesce((
          SELECT g.value::TEXT FROM ducklake_column_tag g
          WHERE g.table_id = k.table_id AND g.column_id = k.column_id AND g.key = 'comment'
            AND g.begin_snapshot <= \(moment)
            AND (g.end_snapshot IS NULL OR g.end_snapshot > \(moment))), '') AS comment
        FROM ducklake_column k
        WHERE k.table_id = t.table_id
          AND k.begin_snapshot <= \(moment)
          AND (k.end_snapshot IS NULL OR k.end_snapshot > \(moment))
        ORDER BY k.column_order) o) c
    """
  }

  /// Arrays of columns of the rows whose parent column is or is not null.
  private static func aggregates(_ parent: String, of columns: [(String, String)]) -> String {
    columns.map { column, name in
      "coalesce(array_agg(o.\(column)) FILTER (WHERE o.parent_column \(parent)), '{}') AS \(name)"
    }.joined(separator: ", ")
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
    let shown = try columns(rows, row, table: table)
    do {
      schema = try TableSchema(columns: shown.map(\.definition))
    } catch {
      throw .damaged(reason: "the columns of table \(table) make no schema")
    }
    let (ids, columns) = (rows.int64s(row, 9), schema.columns)
    let names = Dictionary(zip(ids, columns.map(\.name))) { first, _ in first }
    let stored = StoredLayout(partitioning: rows.text(row, 27), sortOrder: rows.text(row, 28))
    guard let layout = stored.layout(columnNames: names) else {
      throw .damaged(reason: "the layout of table \(table) is none of its columns")
    }
    return TableRecord(
      id: TableID(table), tenant: TenantID(rows.int64(row, 1)),
      definition: TableDefinition(
        name: rows.text(row, 2), schema: schema,
        compatibilityMode: CompatibilityMode(rawValue: rows.text(row, 5)) ?? .backward,
        eventTimeColumn: rows.optionalText(row, 6),
        primaryKey: rows.int64s(row, 19).compactMap { names[$0] },
        onExistingKey: ExistingKeyRule(rawValue: rows.text(row, 20)) ?? .upsert, layout: layout),
      schemaVersion: rows.int64(row, 4), columnIDs: ids,
      innerColumnIDs: shown.map(\.innerIDs),
      initialDefaults: rows.texts(row, 15).map { ColumnDefault(stored: $0) },
      versionBegin: SnapshotID(rows.int64(row, 14)),
      folder: Folders.table(schema: rows.int64(row, 8), table: table),
      createdAt: Timestamp(microseconds: rows.int64(row, 3)), isDropped: !rows.isNull(row, 7),
      partitioningID: rows.optionalInt64(row, 26))
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
  ) throws(CatalogError) -> [(definition: ColumnDefinition, innerIDs: [Int64])] {
    let (ids, names, types) = (rows.int64s(row, 9), rows.texts(row, 10), rows.texts(row, 11))
    let (nullable, defaults) = (rows.bools(row, 12), rows.texts(row, 13))
    // No comment is empty.
    let comments = rows.texts(row, 16).map { $0.isEmpty ? nil : $0 }
    let inner = innerColumns(rows, row)
    var columns: [(definition: ColumnDefinition, innerIDs: [Int64])] = []
    for index in names.indices {
      guard let (type, innerIDs) = inner.type(of: ids[index], named: types[index]) else {
        throw .damaged(reason: "column of unknown type in table \(table)")
      }
      let definition = ColumnDefinition(
        name: names[index], type: type, isNullable: nullable[index],
        defaultValue: ColumnDefault(stored: defaults[index]), comment: comments[index])
      columns.append((definition, innerIDs))
    }
    return columns
  }

  private static func innerColumns(_ rows: PostgreSQLRows, _ row: Int) -> InnerColumns {
    let ids = rows.int64s(row, 21)
    guard !ids.isEmpty else { return InnerColumns([]) }
    let (parents, orders) = (rows.int64s(row, 22), rows.int64s(row, 23))
    let (names, types) = (rows.texts(row, 24), rows.texts(row, 25))
    return InnerColumns(
      ids.indices.map { index in
        InnerColumnRow(
          id: ids[index], parent: parents[index], order: orders[index], name: names[index],
          typeName: types[index])
      })
  }
}
