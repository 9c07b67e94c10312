import Catalog
import LakeTables
import Model
import SQLite

extension SQLiteCatalog {
  package func table(
    named name: String, tenant: TenantID
  ) async throws(CatalogError) -> TableRecord? {
    try await read { (connection) throws(SQLiteError) in
      try Self.liveTable(named: name, tenant: tenant, connection)
    }
  }

  package func tables(ids: [TableID]) async throws(CatalogError) -> [TableRecord] {
    try await read { (connection) throws(SQLiteError) in
      var tables: [TableRecord] = []
      for id in ids {
        let row = try connection.prepare(TableRows.selection + " WHERE t.table_id = ?")
          .bind(id.rawValue, at: 1)
        if try row.step() { tables.append(try TableRows.record(row, at: nil, connection)) }
      }
      return tables
    }
  }

  package func tables(
    tenant: TenantID, after name: String?, limit: Int
  ) async throws(CatalogError) -> [TableRecord] {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.prepare(
        TableRows.selection + """
           WHERE t.tenant_id = ?1 AND t.dropped_snapshot IS NULL
            AND (?2 IS NULL OR lower(t.table_name) > lower(?2))
          ORDER BY lower(t.table_name) LIMIT ?3
          """
      ).bind(tenant.rawValue, at: 1).bind(name, at: 2).bind(Int64(limit), at: 3)
      var tables: [TableRecord] = []
      while try row.step() { tables.append(try TableRows.record(row, at: nil, connection)) }
      return tables
    }
  }

  package func createTable(
    _ definition: TableDefinition, tenant: TenantID
  ) async throws(CatalogError) -> TableRecord {
    let clock = database.clock
    let definition = try definition.keyColumnsRequired()
    return try await write { (connection) throws(CatalogError) in
      let existing = try mapping(CatalogError.init) { () throws(SQLiteError) in
        try Self.liveTable(named: definition.name, tenant: tenant, connection)
      }
      guard existing == nil else { throw .tableExists }
      return try mapping(CatalogError.init) { () throws(SQLiteError) in
        try Self.makeTable(definition, tenant: tenant, now: clock.wall(), connection)
      }
    }
  }

  package func dropTable(
    named name: String, tenant: TenantID
  ) async throws(CatalogError) -> TableRecord {
    let clock = database.clock
    return try await write { (connection) throws(CatalogError) in
      let existing = try mapping(CatalogError.init) { () throws(SQLiteError) in
        try Self.liveTable(named: name, tenant: tenant, connection)
      }
      guard let table = existing else { throw .tableNotFound }
      try mapping(CatalogError.init) { () throws(SQLiteError) in
        try Self.endTable(table, now: clock.wall(), connection)
      }
      return table
    }
  }

  private static func liveTable(
    named name: String, tenant: TenantID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> TableRecord? {
    let row = try connection.prepare(
      TableRows.selection + """
         WHERE t.tenant_id = ? AND lower(t.table_name) = lower(?)
          AND t.dropped_snapshot IS NULL
        """
    ).bind(tenant.rawValue, at: 1).bind(name, at: 2)
    guard try row.step() else { return nil }
    return try TableRows.record(row, at: nil, connection)
  }

  static func schemaID(
    of tenant: TenantID, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> (id: Int64, name: String) {
    let row = try connection.statement(
      "SELECT schema_id, tenant_name FROM duckmesh_tenant WHERE tenant_id = ?"
    ).bind(tenant.rawValue, at: 1)
    guard try row.step() else { throw .corrupt(message: "tenant without a row") }
    defer { row.reset() }
    return (row.int64(0), row.text(1))
  }

  private static func makeTable(
    _ definition: TableDefinition, tenant: TenantID, now: Timestamp,
    _ connection: SQLiteConnection
  ) throws(SQLiteError) -> TableRecord {
    let schema = try schemaID(of: tenant, connection)
    var head = try LakeHead.read(connection)
    head.advance(now: now)
    head.schemaVersion += 1
    let table = head.takeCatalogID()
    let record = TableRecord(
      id: TableID(table), tenant: tenant, definition: definition, schemaVersion: 1,
      columnIDs: definition.firstColumnIDs,
      initialDefaults: definition.schema.columns.map { _ in nil }, versionBegin: head.snapshot,
      folder: Folders.table(schema: schema.id, table: table), createdAt: now, isDropped: false,
      partitioningID: definition.layout.isPartitioned ? head.takeCatalogID() : nil)
    try insertTable(record, in: schema, head: &head, connection)
    try carryWatermark(of: tenant, to: head, connection)
    try head.write(
      changes: [
        "created_table:\(SQLText.identifier(schema.name)).\(SQLText.identifier(definition.name))"
      ], author: "duckmesh", extra: nil, connection)
    return record
  }

  private static func insertTable(
    _ record: TableRecord, in schema: (id: Int64, name: String), head: inout LakeHead,
    _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    let (table, definition) = (record.id.rawValue, record.definition)
    let (snapshot, now) = (head.snapshot.rawValue, record.createdAt)
    guard let layout = StoredLayout(definition.layout, columnIDs: record.columnIDsByName) else {
      throw .corrupt(message: "a layout of columns that the table has not")
    }
    try connection.statement("INSERT INTO ducklake_table VALUES (?, ?, ?, NULL, ?, ?, ?, 1)")
      .bind(table, at: 1).bind(UUIDText.random(), at: 2).bind(snapshot, at: 3)
      .bind(schema.id, at: 4).bind(definition.name, at: 5).bind("table-\(table)/", at: 6).run()
    for (index, column) in definition.schema.columns.enumerated() {
      try ColumnRow(
        table: table, id: record.columnIDs[index], order: Int64(index + 1), definition: column,
        initialDefault: nil
      ).insert(at: snapshot, connection)
    }
    try connection.statement("INSERT INTO ducklake_schema_versions VALUES (?, ?, ?)")
      .bind(snapshot, at: 1).bind(head.schemaVersion, at: 2).bind(table, at: 3).run()
    try connection.statement(
      """
      INSERT INTO duckmesh_table(table_id, tenant_id, table_name, created_at, created_snapshot,
        schema_version, next_column_id, compatibility_mode, event_time_column, primary_key,
        on_existing_key, partitioning_id, partitioning, sort_order)
      VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)
      """
    ).bind(table, at: 1).bind(record.tenant.rawValue, at: 2).bind(definition.name, at: 3)
      .bind(now.microseconds, at: 4).bind(snapshot, at: 5)
      .bind(definition.firstFreeColumnID, at: 6)
      .bind(definition.compatibilityMode.rawValue, at: 7)
      .bind(definition.eventTimeColumn, at: 8)
      .bind(record.primaryKeyColumnIDs.map(String.init).joined(separator: ","), at: 9)
      .bind(definition.onExistingKey.rawValue, at: 10).bind(record.partitioningID, at: 11)
      .bind(layout.partitioning, at: 12).bind(layout.sortOrder, at: 13).run()
    try LayoutRows.insert(record, head: &head, connection)
    try insertVersion(
      1, of: table, at: snapshot, now: now, mode: definition.compatibilityMode,
      eventTimeColumn: definition.eventTimeColumn, connection)
  }

  /// Ends everything of the table at a new snapshot; older ones keep reading it.
  private static func endTable(
    _ table: TableRecord, now: Timestamp, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    var head = try LakeHead.read(connection)
    head.advance(now: now)
    head.schemaVersion += 1
    for lakeTable in [
      "table", "column", "column_tag", "data_file", "delete_file", "partition_info", "sort_info",
    ] {
      try connection.prepare(
        """
        UPDATE ducklake_\(lakeTable) SET end_snapshot = ?
        WHERE table_id = ? AND end_snapshot IS NULL
        """
      ).bind(head.snapshot.rawValue, at: 1).bind(table.id.rawValue, at: 2).run()
    }
    try connection.statement("UPDATE duckmesh_table SET dropped_snapshot = ? WHERE table_id = ?")
      .bind(head.snapshot.rawValue, at: 1).bind(table.id.rawValue, at: 2).run()
    try carryWatermark(of: table.tenant, to: head, connection)
    try head.write(
      changes: ["dropped_table:\(table.id.rawValue)"], author: "duckmesh", extra: nil, connection)
  }

  /// A change of tables moves no watermark, but the snapshot becomes one of the tenant's.
  static func carryWatermark(
    of tenant: TenantID, to head: LakeHead, _ connection: SQLiteConnection
  ) throws(SQLiteError) {
    guard let consumer = try ConsumerRow.read(tenant, connection) else {
      throw .corrupt(message: "tenant without a consumer row")
    }
    try head.writeWatermark(consumer.watermark, tenant: tenant, connection)
  }
}
