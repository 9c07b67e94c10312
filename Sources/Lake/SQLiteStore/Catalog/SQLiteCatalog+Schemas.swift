import Catalog
import LakeTables
import Model
import SQLite

extension SQLiteCatalog {
  package func alterTable(
    _ alteration: TableAlteration
  ) async throws(CatalogError) -> TableRecord {
    let clock = database.clock
    return try await write { (connection) throws(CatalogError) in
      let found = try mapping(CatalogError.init) { () throws(SQLiteError) in
        try Self.anyTable(alteration.table, connection)
      }
      guard let table = found, !table.isDropped else { throw .tableNotFound }
      guard table.schemaVersion == alteration.base else { throw .tableChanged }
      return try mapping(CatalogError.init) { () throws(SQLiteError) in
        if let columns = alteration.columns {
          try Self.makeVersion(columns, of: table, alteration, now: clock.wall(), connection)
        } else {
          try Self.setMode(alteration.compatibilityMode, of: table.id, connection)
        }
        guard let altered = try Self.anyTable(table.id, connection) else {
          throw .corrupt(message: "a table went while it was altered")
        }
        return altered
      }
    }
  }

  package func table(
    _ id: TableID, at snapshot: SnapshotID
  ) async throws(CatalogError) -> TableRecord? {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.prepare(
        TableRows.selection + " WHERE t.table_id = ? AND t.created_snapshot <= ?"
      ).bind(id.rawValue, at: 1).bind(snapshot.rawValue, at: 2)
      return try row.step() ? try TableRows.record(row, at: snapshot, connection) : nil
    }
  }

  package func tableVersions(
    of table: TableID, below version: Int64?, limit: Int
  ) async throws(CatalogError) -> [TableVersion] {
    try await read { (connection) throws(SQLiteError) in
      let rows = try VersionRow.list(
        table.rawValue, below: version ?? .max, limit: limit, connection)
      var versions: [TableVersion] = []
      for version in rows {
        let row = try connection.prepare(TableRows.selection + " WHERE t.table_id = ?")
          .bind(table.rawValue, at: 1)
        guard try row.step() else { continue }
        versions.append(
          TableVersion(
            table: try TableRows.record(row, at: version.begin, connection)
              .with(version.compatibilityMode),
            createdAt: version.createdAt))
      }
      return versions
    }
  }

  private static func anyTable(
    _ id: TableID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> TableRecord? {
    let row = try connection.prepare(TableRows.selection + " WHERE t.table_id = ?")
      .bind(id.rawValue, at: 1)
    return try row.step() ? try TableRows.record(row, at: nil, connection) : nil
  }

  private static func setMode(
    _ mode: CompatibilityMode, of table: TableID, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement("UPDATE duckmesh_table SET compatibility_mode = ? WHERE table_id = ?")
      .bind(mode.rawValue, at: 1).bind(table.rawValue, at: 2).run()
  }

  private static func makeVersion(
    _ columns: [TableAlteration.Column], of table: TableRecord, _ alteration: TableAlteration,
    now: Timestamp, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    var head = try LakeHead.read(connection)
    head.advance(now: now)
    head.schemaVersion += 1
    let id = table.id.rawValue
    let snapshot = head.snapshot.rawValue
    let nextColumnID = try writeColumns(columns, of: table, at: snapshot, connection)
    let sortOrder = table.definition.layout.sortOrder
    try LayoutRows.rename(
      sortOrder, to: alteration.sortOrder(of: table), of: id, head: &head, connection)
    try connection.statement("INSERT INTO ducklake_schema_versions VALUES (?, ?, ?)")
      .bind(snapshot, at: 1).bind(head.schemaVersion, at: 2).bind(id, at: 3).run()
    try connection.statement(
      """
      UPDATE duckmesh_table SET schema_version = ?, next_column_id = ?, compatibility_mode = ?,
        event_time_column = ? WHERE table_id = ?
      """
    ).bind(table.schemaVersion + 1, at: 1).bind(nextColumnID, at: 2)
      .bind(alteration.compatibilityMode.rawValue, at: 3).bind(alteration.eventTimeColumn, at: 4)
      .bind(id, at: 5).run()
    try insertVersion(
      table.schemaVersion + 1, of: id, at: snapshot, now: now, mode: alteration.compatibilityMode,
      eventTimeColumn: alteration.eventTimeColumn, connection)
    try carryWatermark(of: table.tenant, to: head, connection)
    try head.write(
      changes: ["altered_table:\(id)"], author: "duckmesh", extra: nil, connection)
  }

  static func insertVersion(
    _ version: Int64, of table: Int64, at snapshot: Int64, now: Timestamp,
    mode: CompatibilityMode, eventTimeColumn: String?, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    try connection.statement(
      """
      INSERT INTO duckmesh_schema_version(table_id, version, begin_snapshot, created_at,
        compatibility_mode, event_time_column) VALUES (?, ?, ?, ?, ?, ?)
      """
    ).bind(table, at: 1).bind(version, at: 2).bind(snapshot, at: 3).bind(now.microseconds, at: 4)
      .bind(mode.rawValue, at: 5).bind(eventTimeColumn, at: 6).run()
  }

  /// Ends the columns that go or change, and writes those that come or changed.
  ///
  /// - Returns: the table's next column id.
  private static func writeColumns(
    _ columns: [TableAlteration.Column], of table: TableRecord, at snapshot: Int64,
    _ connection: SQLiteConnection
  ) throws(SQLiteError) -> Int64 {
    let id = table.id.rawValue
    var nextColumnID = try nextColumnID(of: id, connection)
    var old = try rows(of: id, at: snapshot - 1, connection)
    for (index, column) in columns.enumerated() {
      let row = ColumnRow(
        table: id, id: column.id ?? nextColumnID, order: Int64(index + 1),
        definition: column.definition, initialDefault: column.initialDefault)
      guard column.id != nil else {
        try row.insert(at: snapshot, connection)
        nextColumnID += Int64(column.definition.type.columnCount)
        continue
      }
      // A column that stays keeps what is inside it.
      let before = old.removeValue(forKey: row.id)
      if before?.isSameColumn(as: row) != true {
        try before?.endColumn(at: snapshot, connection)
        try row.insertColumn(at: snapshot, connection)
      }
      if before?.definition.comment != column.definition.comment {
        try before?.endComment(at: snapshot, connection)
        try row.insertComment(at: snapshot, connection)
      }
    }
    for gone in old.values {
      try gone.endColumn(at: snapshot, connection)
      try gone.endInner(at: snapshot, connection)
      try gone.endComment(at: snapshot, connection)
    }
    return nextColumnID
  }

  private static func nextColumnID(
    of table: Int64, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> Int64 {
    let row = try connection.statement(
      "SELECT next_column_id FROM duckmesh_table WHERE table_id = ?"
    ).bind(table, at: 1)
    defer { row.reset() }
    guard try row.step() else { throw .corrupt(message: "table without a row") }
    return row.int64(0)
  }

  /// The columns at a snapshot by their ids.
  private static func rows(
    of table: Int64, at moment: Int64, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> [Int64: ColumnRow] {
    let columns = try TableRows.columns(of: table, at: moment, connection)
    return Dictionary(
      columns.map { column in
        (
          column.id,
          ColumnRow(
            table: table, id: column.id, order: column.order, definition: column.definition,
            initialDefault: column.initialDefault)
        )
      }, uniquingKeysWith: { first, _ in first })
  }
}

extension ColumnRow {
  /// Whether both would be the same row of `ducklake_column`; comments are kept apart.
  fileprivate func isSameColumn(as other: ColumnRow) -> Bool {
    order == other.order && definition.name == other.definition.name
      && definition.type == other.definition.type
      && definition.isNullable == other.definition.isNullable
      && definition.defaultValue == other.definition.defaultValue
      && initialDefault == other.initialDefault
  }
}
