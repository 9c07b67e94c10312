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

  /// Writes a new column with all that is inside it.
  func insert(at snapshot: Int64, _ connection: SQLiteConnection) throws(SQLiteError) {
    try insertColumn(at: snapshot, connection)
    try insertInner(at: snapshot, connection)
    try insertComment(at: snapshot, connection)
  }

  func insertColumn(at snapshot: Int64, _ connection: SQLiteConnection) throws(SQLiteError) {
    try connection.statement(
      """
      INSERT INTO ducklake_column(column_id, begin_snapshot, table_id, column_order, column_name,
        column_type, default_value, nulls_allowed, initial_default, default_value_type,
        default_value_dialect)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'duckdb')
      """
    ).bind(id, at: 1).bind(snapshot, at: 2).bind(table, at: 3).bind(order, at: 4)
      .bind(definition.name, at: 5).bind(definition.type.duckLakeName, at: 6)
      .bind(definition.defaultValue?.catalogText ?? ColumnDefault.absentCatalogText, at: 7)
      .bind(Int64(definition.isNullable ? 1 : 0), at: 8)
      .bind(initialDefault?.catalogText, at: 9)
      .bind(definition.type.isNested ? nil : "literal", at: 10).run()
  }

  private func insertInner(
    at snapshot: Int64, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    for row in definition.type.innerRows(below: id) {
      let isScalar = ScalarType(duckLakeName: row.typeName) != nil
      try connection.statement(
        """
        INSERT INTO ducklake_column(column_id, begin_snapshot, table_id, column_order, column_name,
          column_type, default_value, nulls_allowed, parent_column, default_value_type,
          default_value_dialect)
        VALUES (?, ?, ?, ?, ?, ?, 'NULL', 1, ?, ?, 'duckdb')
        """
      ).bind(row.id, at: 1).bind(snapshot, at: 2).bind(table, at: 3).bind(row.order, at: 4)
        .bind(row.name, at: 5).bind(row.typeName, at: 6).bind(row.parent, at: 7)
        .bind(isScalar ? "literal" : nil, at: 8).run()
    }
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

  /// Ends what is inside the column.
  func endInner(at snapshot: Int64, _ connection: SQLiteConnection) throws(SQLiteError) {
    try connection.prepare(
      """
      WITH RECURSIVE inside(id) AS (
        SELECT ?3 UNION
        SELECT c.column_id FROM inside JOIN ducklake_column c ON c.parent_column = inside.id
        WHERE c.table_id = ?2 AND c.end_snapshot IS NULL)
      UPDATE ducklake_column SET end_snapshot = ?1
      WHERE table_id = ?2 AND end_snapshot IS NULL AND parent_column IN (SELECT id FROM inside)
      """
    ).bind(snapshot, at: 1).bind(table, at: 2).bind(id, at: 3).run()
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
