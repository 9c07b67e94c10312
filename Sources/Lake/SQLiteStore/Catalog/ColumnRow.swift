import LakeTables
import Model
import SQLite

/// Writes a column of one version of a table, as DuckLake has it.
struct ColumnRow {
  let table: Int64
  let id: Int64
  /// From 1.
  let order: Int64
  let definition: ColumnDefinition
  let initialDefault: ColumnDefault?

  func insert(at snapshot: Int64, _ connection: SQLiteConnection) throws(SQLiteError) {
    try insertColumn(at: snapshot, connection)
    try insertComment(at: snapshot, connection)
  }

  func insertColumn(at snapshot: Int64, _ connection: SQLiteConnection) throws(SQLiteError) {
    try connection.statement(
      """
      INSERT INTO ducklake_column(column_id, begin_snapshot, table_id, column_order, column_name,
        column_type, default_value, nulls_allowed, initial_default, default_value_type,
        default_value_dialect)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'literal', 'duckdb')
      """
    ).bind(id, at: 1).bind(snapshot, at: 2).bind(table, at: 3).bind(order, at: 4)
      .bind(definition.name, at: 5).bind(definition.type.duckLakeName, at: 6)
      .bind(definition.defaultValue?.catalogText ?? ColumnDefault.absentCatalogText, at: 7)
      .bind(Int64(definition.isNullable ? 1 : 0), at: 8)
      .bind(initialDefault?.catalogText, at: 9).run()
  }

  func insertComment(at snapshot: Int64, _ connection: SQLiteConnection) throws(SQLiteError) {
    guard let comment = definition.comment else { return }
    try connection.statement(
      """
      INSERT INTO ducklake_column_tag(table_id, column_id, begin_snapshot, key, value)
      VALUES (?, ?, ?, 'comment', ?)
      """
    ).bind(table, at: 1).bind(id, at: 2).bind(snapshot, at: 3).bind(comment, at: 4).run()
  }

  /// Ends what `insert` wrote; older snapshots keep reading it.
  func endColumn(at snapshot: Int64, _ connection: SQLiteConnection) throws(SQLiteError) {
    try end("column", at: snapshot, connection)
  }

  func endComment(at snapshot: Int64, _ connection: SQLiteConnection) throws(SQLiteError) {
    try end("column_tag", at: snapshot, connection)
  }

  private func end(
    _ lakeTable: String, at snapshot: Int64, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.prepare(
      """
      UPDATE ducklake_\(lakeTable) SET end_snapshot = ?
      WHERE table_id = ? AND column_id = ? AND end_snapshot IS NULL
      """
    ).bind(snapshot, at: 1).bind(table, at: 2).bind(id, at: 3).run()
  }
}
