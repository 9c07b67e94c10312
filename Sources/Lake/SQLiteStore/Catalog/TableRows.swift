import Catalog
import LakeTables
import Model
import SQLite

/// Reads tables as `TableRecord`s: our own row for what is ours, DuckLake's columns for the schema.
enum TableRows {
  static let selection = """
    SELECT t.table_id, t.tenant_id, t.table_name, t.created_at, t.schema_version,
      t.compatibility_mode, t.event_time_column, t.dropped_snapshot, n.schema_id, t.primary_key,
      t.on_existing_key, t.partitioning_id, t.partitioning, t.sort_order
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
    let version = try VersionRow.read(table, at: moment, connection)
    let columns = try columns(of: table, at: moment, connection)
    let schema: TableSchema
    do {
      schema = try TableSchema(columns: columns.map(\.definition))
    } catch {
      throw .corrupt(message: "the columns of table \(table) make no schema")
    }
    let names = Dictionary(columns.map { ($0.id, $0.definition.name) }) { first, _ in first }
    let stored = StoredLayout(partitioning: row.text(12), sortOrder: row.text(13))
    guard let layout = stored.layout(columnNames: names) else {
      throw .corrupt(message: "the layout of table \(table) is none of its columns")
    }
    let key = row.text(9).split(separator: ",").compactMap { Int64($0) }
    return TableRecord(
      id: TableID(table), tenant: TenantID(row.int64(1)),
      definition: TableDefinition(
        name: row.text(2), schema: schema,
        compatibilityMode: CompatibilityMode(rawValue: row.text(5)) ?? .backward,
        eventTimeColumn: version.eventTimeColumn,
        primaryKey: key.compactMap { names[$0] },
        onExistingKey: ExistingKeyRule(rawValue: row.text(10)) ?? .upsert, layout: layout),
      schemaVersion: version.number, columnIDs: columns.map(\.id),
      innerColumnIDs: columns.map(\.innerIDs),
      initialDefaults: columns.map(\.initialDefault), versionBegin: version.begin,
      folder: Folders.table(schema: row.int64(8), table: table),
      createdAt: Timestamp(microseconds: row.int64(3)), isDropped: dropped != nil,
      partitioningID: row.optionalInt64(11))
  }

  /// A column as one version of its table has it.
  struct Column {
    let id: Int64
    let order: Int64
    let definition: ColumnDefinition
    let initialDefault: ColumnDefault?
    /// Of all that is inside, each before its own children.
    let innerIDs: [Int64]
  }

  static func columns(
    of table: Int64, at moment: Int64, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> [Column] {
    let inner = try innerColumns(of: table, at: moment, connection)
    let row = try connection.statement(
      """
      SELECT c.column_id, c.column_name, c.column_type, c.nulls_allowed, c.default_value,
        c.initial_default,
        (SELECT g.value FROM ducklake_column_tag g
          WHERE g.table_id = c.table_id AND g.column_id = c.column_id AND g.key = 'comment'
            AND g.begin_snapshot <= ?2 AND (g.end_snapshot IS NULL OR g.end_snapshot > ?2)),
        c.column_order
      FROM ducklake_column c WHERE c.table_id = ?1 AND c.parent_column IS NULL
        AND c.begin_snapshot <= ?2 AND (c.end_snapshot IS NULL OR c.end_snapshot > ?2)
      ORDER BY c.column_order
      """
    ).bind(table, at: 1).bind(moment, at: 2)
    var columns: [Column] = []
    while try row.step() {
      guard let (type, innerIDs) = inner.type(of: row.int64(0), named: row.text(2)) else {
        throw .corrupt(message: "column of unknown type in table \(table)")
      }
      columns.append(
        Column(
          id: row.int64(0), order: row.int64(7),
          definition: ColumnDefinition(
            name: row.text(1), type: type, isNullable: row.int64(3) != 0,
            defaultValue: ColumnDefault(stored: row.optionalText(4)),
            comment: row.optionalText(6)),
          initialDefault: ColumnDefault(stored: row.optionalText(5)), innerIDs: innerIDs))
    }
    return columns
  }

  private static func innerColumns(
    of table: Int64, at moment: Int64, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> InnerColumns {
    let row = try connection.statement(
      """
      SELECT column_id, parent_column, column_order, column_name, column_type
      FROM ducklake_column WHERE table_id = ?1 AND parent_column IS NOT NULL
        AND begin_snapshot <= ?2 AND (end_snapshot IS NULL OR end_snapshot > ?2)
      """
    ).bind(table, at: 1).bind(moment, at: 2)
    var rows: [InnerColumnRow] = []
    while try row.step() {
      rows.append(
        InnerColumnRow(
          id: row.int64(0), parent: row.int64(1), order: row.int64(2), name: row.text(3),
          typeName: row.text(4)))
    }
    return InnerColumns(rows)
  }
}

/// One version of a table's schema.
struct VersionRow {
  let number: Int64
  let begin: SnapshotID
  let createdAt: Timestamp
  let compatibilityMode: CompatibilityMode
  let eventTimeColumn: String?

  /// The version that holds at a snapshot.
  static func read(
    _ table: Int64, at moment: Int64, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> VersionRow {
    let row = try connection.statement(
      """
      SELECT version, begin_snapshot, created_at, compatibility_mode, event_time_column
      FROM duckmesh_schema_version
      WHERE table_id = ? AND begin_snapshot <= ? ORDER BY version DESC LIMIT 1
      """
    ).bind(table, at: 1).bind(moment, at: 2)
    defer { row.reset() }
    guard try row.step() else { throw .corrupt(message: "table \(table) has no schema version") }
    return VersionRow(row)
  }

  /// Newest first, those below `version`.
  static func list(
    _ table: Int64, below version: Int64, limit: Int, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> [VersionRow] {
    let row = try connection.prepare(
      """
      SELECT version, begin_snapshot, created_at, compatibility_mode, event_time_column
      FROM duckmesh_schema_version
      WHERE table_id = ? AND version < ? ORDER BY version DESC LIMIT ?
      """
    ).bind(table, at: 1).bind(version, at: 2).bind(Int64(limit), at: 3)
    var versions: [VersionRow] = []
    while try row.step() { versions.append(VersionRow(row)) }
    return versions
  }

  private init(_ row: SQLiteStatement) {
    number = row.int64(0)
    begin = SnapshotID(row.int64(1))
    createdAt = Timestamp(microseconds: row.int64(2))
    compatibilityMode = CompatibilityMode(rawValue: row.text(3)) ?? .backward
    eventTimeColumn = row.optionalText(4)
  }
}
