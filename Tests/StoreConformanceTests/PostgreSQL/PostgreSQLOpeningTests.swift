import PostgreSQL
import PostgreSQLStore
import TestSupport
import Testing

/// What opening a catalog on PostgreSQL accepts, refuses and leaves behind.
@Suite struct PostgreSQLOpeningTests {
  private typealias Database = PostgreSQLStore.PostgreSQLDatabase

  @Test func manyProcessesThatOpenAnEmptyDatabaseMakeOneCatalog() async throws {
    let database = try await PostgreSQLCluster.shared().makeDatabase()
    let options = PostgreSQLBackend.options(database.connection)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<6 {
        group.addTask {
          let opened = try await Database.open(options, lakeFolder: "/lake")
          await opened.close()
        }
      }
      try await group.waitForAll()
    }
    let status = try await PostgreSQLMigrator(options: options).status()
    #expect(status.map(\.version) == Array(1...PostgreSQLMigrator.newest))
    #expect(status.allSatisfy { $0.state == .applied })
    #expect(try await number("SELECT count(*) FROM ducklake_snapshot", options) == 1)
    #expect(try await number("SELECT count(*) FROM duckmesh_meta", options) == 2)
  }

  @Test func whatWasMigratedCanBeTakenBackAndMadeAgain() async throws {
    let options = try await freshOptions(schema: "lake of 'ours\"")
    let migrator = PostgreSQLMigrator(options: options)
    #expect(try await migrator.status().allSatisfy { $0.state == .pending })
    let newest = PostgreSQLMigrator.newest
    await #expect(throws: PostgreSQLOpenError.olderCatalog(found: 0, needed: newest)) {
      try await migrator.verify()
    }
    for _ in 0..<2 {
      try await migrator.migrateUp()
      try await migrator.verify()
      try await migrator.migrateUp()
      try await migrator.migrateDown(to: 0)
      #expect(try await migrator.status().allSatisfy { $0.state == .pending })
      let left = try await number(
        """
        SELECT (SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'duck%'
          AND relname <> 'duckmesh_migration')
          + (SELECT count(*) FROM pg_proc WHERE proname LIKE 'duckmesh%')
        """, options)
      #expect(left == 0)
    }
  }

  @Test func aCatalogOfANewerProgramIsLeftAlone() async throws {
    let options = try await migratedOptions()
    try await execute("INSERT INTO duckmesh_migration VALUES (99, 'later', 'x')", options)
    let refusal = PostgreSQLOpenError.newerCatalog(
      found: 99, supported: PostgreSQLMigrator.newest)
    await #expect(throws: refusal) { try await Database.open(options, lakeFolder: "/lake") }
    await #expect(throws: refusal) { try await PostgreSQLMigrator(options: options).verify() }
    await #expect(throws: refusal) {
      try await PostgreSQLMigrator(options: options).migrateDown(to: 0)
    }
    let states = try await PostgreSQLMigrator(options: options).status().map(\.state)
    #expect(states.dropLast().allSatisfy { $0 == .applied })
    #expect(states.last == .unknown)
  }

  @Test func aMigrationThatDiffersFromOursIsNoticed() async throws {
    let options = try await migratedOptions()
    try await execute("UPDATE duckmesh_migration SET checksum = 'edited'", options)
    await #expect(throws: PostgreSQLOpenError.alteredMigration(version: 1)) {
      try await Database.open(options, lakeFolder: "/lake")
    }
    let status = try await PostgreSQLMigrator(options: options).status()
    #expect(status.allSatisfy { $0.state == .altered })
  }

  @Test func functionsOfOtherReleasesStayAndOursAreAddedBesideThem() async throws {
    let options = try await migratedOptions()
    let count = "SELECT count(*) FROM pg_proc WHERE proname LIKE 'duckmesh%'"
    let all = try await number(count, options)
    try await execute(
      """
      CREATE FUNCTION duckmesh_publish_older() RETURNS INTEGER LANGUAGE sql AS 'SELECT 1';
      DO $$ BEGIN EXECUTE (SELECT 'DROP FUNCTION ' || oid::REGPROCEDURE FROM pg_proc
        WHERE proname LIKE 'duckmesh_backlog%'); END $$
      """, options)
    var verifying = options
    verifying.migration = .verify
    let newest = PostgreSQLMigrator.newest
    await #expect(throws: PostgreSQLOpenError.olderCatalog(found: newest, needed: newest)) {
      try await Database.open(verifying, lakeFolder: "/lake")
    }
    let opened = try await Database.open(options, lakeFolder: "/lake")
    await opened.close()
    #expect(try await number(count, options) == all + 1)
    #expect(try await number("SELECT duckmesh_publish_older()", options) == 1)
  }

  @Test func aProcessThatWouldPutFilesElsewhereIsRefused() async throws {
    let options = try await migratedOptions()
    await #expect(
      throws: PostgreSQLOpenError.otherDataPath(recorded: "/lake/", configured: "/other/")
    ) {
      try await Database.open(options, lakeFolder: "/other")
    }
  }

  @Test func lakesInSchemasOfTheirOwnDoNotMeet() async throws {
    let database = try await PostgreSQLCluster.shared().makeDatabase()
    for schema in ["one", "two"] {
      var options = PostgreSQLBackend.options(database.connection)
      options.schema = schema
      let opened = try await Database.open(options, lakeFolder: "/" + schema)
      let tenant = try await PostgreSQLCatalog(database: opened)
        .ensureTenant(named: "only in " + schema, limit: 10)
      #expect(tenant.id.rawValue == 1)
      #expect(try await PostgreSQLCatalog(database: opened).tenants().count == 1)
      await opened.close()
    }
  }

  @Test(arguments: [
    ("postgresql://u:p@h:5432/d", "postgresql://u:p@h:5432/d", "public"),
    ("postgres://h/d?schema=lake", "postgres://h/d", "lake"),
    (
      "postgres://h/d?sslmode=require&schema=a%20b&x=1", "postgres://h/d?sslmode=require&x=1", "a b"
    ),
    ("host=/run dbname=d schema=lake user=u", "host=/run dbname=d user=u", "lake"),
    ("host=/run dbname=d", "host=/run dbname=d", "public"),
  ])
  func theSchemaIsTakenOutOfTheAddress(dsn: String, connection: String, schema: String) throws {
    let address = try #require(PostgreSQLAddress(dsn: dsn))
    #expect(address.connection == connection)
    #expect(address.schema == schema)
  }

  @Test(arguments: [
    "postgres://h/d?schema=", "postgres://h/d?schema=pg_catalog", "postgres://h/d?schema=%zz",
    "postgres://h/d?schema=%ff", "postgres://h/d?schema=%00",
    "postgres://h/d?schema=" + String(repeating: "x", count: 64),
  ])
  func aSchemaThatCannotBeIsRefused(dsn: String) {
    #expect(PostgreSQLAddress(dsn: dsn) == nil)
  }

  // MARK: Databases

  private func freshOptions(schema: String = "public") async throws -> PostgreSQLOptions {
    var options = PostgreSQLBackend.options(
      try await PostgreSQLCluster.shared().makeDatabase().connection)
    options.schema = schema
    return options
  }

  private func migratedOptions() async throws -> PostgreSQLOptions {
    let options = try await freshOptions()
    let opened = try await Database.open(options, lakeFolder: "/lake")
    await opened.close()
    return options
  }

  private func number(_ sql: String, _ options: PostgreSQLOptions) async throws -> Int64 {
    try await withPool(options) { (pool) in try await pool.call(sql).int64(0, 0) }
  }

  private func execute(_ sql: String, _ options: PostgreSQLOptions) async throws {
    try await withPool(options) { (pool) in
      try await pool.transaction { (session) throws(PostgreSQLError) in try session.script(sql) }
    }
  }

  private func withPool<Value: Sendable>(
    _ options: PostgreSQLOptions, _ body: (PostgreSQLPool) async throws -> Value
  ) async throws -> Value {
    let pool = try PostgreSQLPool(
      options: PostgreSQLPoolOptions(connection: options.connection, size: 1))
    let result: Result<Value, any Error>
    do { result = .success(try await body(pool)) } catch { result = .failure(error) }
    await pool.close()
    return try result.get()
  }
}
