import Catalog
import LakeTables
import Model
import SQLite

extension SQLiteCatalog {
  package func tenant(named name: String) async throws(CatalogError) -> TenantRecord? {
    try await read { (connection) throws(SQLiteError) in try Self.tenant(named: name, connection) }
  }

  package func tenants() async throws(CatalogError) -> [TenantRecord] {
    try await read { (connection) throws(SQLiteError) in
      let row = try connection.statement(
        """
        SELECT tenant_id, tenant_name, schema_id, created_at FROM duckmesh_tenant
        ORDER BY tenant_name
        """)
      var tenants: [TenantRecord] = []
      while try row.step() { tenants.append(Self.record(row)) }
      return tenants
    }
  }

  package func ensureTenant(
    named name: String, limit: Int
  ) async throws(CatalogError) -> TenantRecord {
    if let known = try await tenant(named: name) { return known }
    let clock = database.clock
    return try await write { (connection) throws(CatalogError) in
      let known = try mapping(CatalogError.init) { () throws(SQLiteError) in
        try (Self.tenant(named: name, connection), Self.tenantCount(connection))
      }
      if let tenant = known.0 { return tenant }
      guard known.1 < limit else { throw .tenantLimitReached(limit: limit) }
      return try mapping(CatalogError.init) { () throws(SQLiteError) in
        try Self.makeTenant(named: name, now: clock.wall(), connection)
      }
    }
  }

  private static func tenantCount(_ connection: SQLiteConnection) throws(SQLiteError) -> Int {
    let row = try connection.statement("SELECT count(*) FROM duckmesh_tenant")
    _ = try row.step()
    defer { row.reset() }
    return Int(row.int64(0))
  }

  static func tenant(
    named name: String, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> TenantRecord? {
    let row = try connection.statement(
      """
      SELECT tenant_id, tenant_name, schema_id, created_at FROM duckmesh_tenant
      WHERE tenant_name = ?
      """
    ).bind(name, at: 1)
    guard try row.step() else { return nil }
    defer { row.reset() }
    return record(row)
  }

  private static func record(_ row: SQLiteStatement) -> TenantRecord {
    TenantRecord(
      id: TenantID(row.int64(0)), name: row.text(1), folder: Folders.tenant(schema: row.int64(2)),
      createdAt: Timestamp(microseconds: row.int64(3)))
  }

  private static func makeTenant(
    named name: String, now: Timestamp, _ connection: SQLiteConnection
  ) throws(SQLiteError) -> TenantRecord {
    var head = try LakeHead.read(connection)
    head.advance(now: now)
    head.schemaVersion += 1
    let schema = head.takeCatalogID()
    try connection.statement("INSERT INTO ducklake_schema VALUES (?, ?, ?, NULL, ?, ?, 1)")
      .bind(schema, at: 1).bind(UUIDText.random(), at: 2).bind(head.snapshot.rawValue, at: 3)
      .bind(name, at: 4).bind(Folders.tenant(schema: schema), at: 5).run()
    try connection.statement(
      "INSERT INTO duckmesh_tenant(tenant_name, schema_id, created_at) VALUES (?, ?, ?)"
    ).bind(name, at: 1).bind(schema, at: 2).bind(now.microseconds, at: 3).run()
    let tenant = TenantID(connection.lastInsertRowID)
    try connection.statement("INSERT INTO duckmesh_head VALUES (?, 0)")
      .bind(tenant.rawValue, at: 1).run()
    try connection.statement(
      "INSERT INTO duckmesh_consumer(tenant_id, watermark, epoch, leased_until) VALUES (?, 0, 0, 0)"
    ).bind(tenant.rawValue, at: 1).run()
    try head.writeWatermark(.none, tenant: tenant, connection)
    try head.write(
      changes: ["created_schema:\(SQLText.identifier(name))"], author: "duckmesh", extra: nil,
      connection)
    return TenantRecord(
      id: tenant, name: name, folder: Folders.tenant(schema: schema), createdAt: now)
  }
}
