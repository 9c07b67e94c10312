import Catalog
import LakeTables
import Model
import SQLite

/// Reads tables as `TableRecord`s: our own row for what is ours, DuckLake's columns for the schema.
enum TableRows {
  static let selection = """
    SELECT t.table_id, t.tenant_id, t.table_name, t.created_at, t.schema_version,
      t.compatibility_mode, t.event_time_column, t.dropped_snapshot, n.schema_id, t.primary_key,
      t.on_existing_key
    FROM duckmesh_table t JOIN duckmesh_tenant n USING (tenant_id)
    """

  /// The record of the row that `statement` stands on, with the columns alive at a snapshot.
  ///
  /// - Parameter snapshot: nil for the newest columns, those before the drop for a dropped table.
  static func record(
    _ row: SQLiteStatement, at snapshot: SnapshotID?, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> TableRecord {
    let table = row.int64(0)
    let dropped = row.optionalInt64(7)
    let moment = snapshot?.rawValue ?? dropped.map { $0 - 1 } ?? Int64.max
    let (columns, ids) = try columns(of: table, at: moment, connection)
    let schema: TableSchema
    do {
      schema = try TableSchema(columns: columns)
    } catch {
      throw .corrupt(message: "the columns of table \(table) make no schema")
    }
    let key = row.text(9).split(separator: ",").compactMap { Int64($0) }
    return TableRecord(
      id: TableID(table), tenant: TenantID(row.int64(1)),
      definition: TableDefinition(
        name: row.text(2), schema: schema,
        compatibilityMode: CompatibilityMode(rawValue: row.text(5)) ?? .backward,
        eventTimeColumn: row.optionalText(6),
        primaryKey: key.compactMap { id in ids.firstIndex(of: id).map { columns[$0].name } },
        onExistingKey: ExistingKeyRule(rawValue: row.text(10)) ?? .upsert),
      schemaVersion: row.int64(4), columnIDs: ids,
      folder: Folders.table(schema: row.int64(8), table: table),
      createdAt: Timestamp(microseconds: row.int64(3)), isDropped: dropped != nil)
  }

  private static func columns(
    of table: Int64, at moment: Int64, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> ([ColumnDefinition], [Int64]) {
    let row = try connection.statement(
      """
      SELECT column_id, column_name, column_type, nulls_allowed, default_value
      FROM ducklake_column WHERE table_id = ?1 AND parent_column IS NULL
        AND begin_snapshot <= ?2 AND (end_snapshot IS NULL OR end_snapshot > ?2)
      ORDER BY column_order
      """
    ).bind(table, at: 1).bind(moment, at: 2)
    var columns: [ColumnDefinition] = []
    var ids: [Int64] = []
    while try row.step() {
      guard let type = ColumnType(duckLakeName: row.text(2)) else {
        throw .corrupt(message: "column of unknown type in table \(table)")
      }
      let value = row.text(4)
      columns.append(
        ColumnDefinition(
          name: row.text(1), type: type, isNullable: row.int64(3) != 0,
          defaultValue: value == ColumnDefault.absentCatalogText
            ? nil : ColumnDefault(catalogText: value)))
      ids.append(row.int64(0))
    }
    return (columns, ids)
  }
}
