import PostgreSQLStore
import Runtime
import TestSupport

/// A database of its own in the server that all tests share.
final class PostgreSQLBackend: StoreBackend {
  let database: TestSupport.PostgreSQLDatabase
  private let clock: TestClock
  private let opened = Lock<[PostgreSQLStore.PostgreSQLDatabase]>([])

  init(clock: TestClock) async throws {
    self.clock = clock
    database = try await PostgreSQLCluster.shared().makeDatabase()
  }

  /// Few connections: every test has some, all tests run at once, and the server has a limit.
  var options: PostgreSQLOptions {
    PostgreSQLOptions(
      connection: database.connection, publishingConnections: 2, generalConnections: 3,
      maintenanceConnections: 1)
  }

  func open() async throws -> OpenStore {
    let database = try await openDatabase(options)
    return OpenStore(
      bus: PostgreSQLIngestBus(database: database), catalog: PostgreSQLCatalog(database: database))
  }

  /// Opened databases are closed by `remove`.
  func openDatabase(
    _ options: PostgreSQLOptions
  ) async throws -> PostgreSQLStore.PostgreSQLDatabase {
    let database = try await PostgreSQLStore.PostgreSQLDatabase.open(
      options, lakeFolder: "/lake/", clock: clock.catalogClock)
    opened.withLock { $0.append(database) }
    return database
  }

  func damage(_ sql: String) async throws { try await database.execute(sql) }

  let skipListDamages = [
    "UPDATE duckmesh_segment SET skipped = ARRAY[0] WHERE first_token = 2",
    "UPDATE duckmesh_segment SET skipped = ARRAY[0, 1] WHERE first_token = 2",
  ]

  func remove() async {
    let databases = opened.withLock { databases in
      defer { databases = [] }
      return databases
    }
    for database in databases { await database.close() }
  }
}
