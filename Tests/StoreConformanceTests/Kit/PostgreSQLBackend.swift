import Foundation
import IngestBus
import PostgreSQLStore
import Runtime
import TestSupport

/// A database of its own in the server that all tests share.
final class PostgreSQLBackend: StoreBackend {
  let database: TestSupport.PostgreSQLDatabase
  let lakeFolder: String
  /// What the copied catalog names.
  static let noFolder = "/lake/"
  private let clock: TestClock
  private let opened = Lock<[PostgreSQLStore.PostgreSQLDatabase]>([])

  /// Stores that are open at the same time: all tests begin at once, and the server has only so
  /// many connections.
  private static let turns = AsyncSemaphore(permits: 12, maximumWaiters: 10_000)

  /// - Parameter hasFiles: whether the lake's folder is a real one.
  init(clock: TestClock, hasFiles: Bool = false) async throws {
    self.clock = clock
    try await Self.turns.acquire(until: .distantFuture, on: SystemMonotonicClock())
    do {
      database = try await MigratedDatabase.instance.copy()
    } catch {
      Self.turns.release()
      throw error
    }
    lakeFolder =
      hasFiles
      ? FileManager.default.temporaryDirectory.path + "/duckmesh-\(database.name)/"
      : Self.noFolder
  }

  var options: PostgreSQLOptions {
    Self.options(database.connection)
  }

  static func options(_ connection: String) -> PostgreSQLOptions {
    // With the patience of tests that share a machine with a thousand others.
    PostgreSQLOptions(
      connection: connection, publishingConnections: 2, generalConnections: 3,
      maintenanceConnections: 1, lockTimeoutMs: 60_000, connectTimeoutMs: 60_000,
      acquireTimeoutMs: 60_000)
  }

  func open(retention: SegmentRetention) async throws -> OpenStore {
    let database = try await openDatabase(options)
    return OpenStore(
      bus: PostgreSQLIngestBus(database: database, retention: retention),
      catalog: PostgreSQLCatalog(database: database))
  }

  /// Opened databases are closed by `remove`, which is called once.
  func openDatabase(
    _ options: PostgreSQLOptions
  ) async throws -> PostgreSQLStore.PostgreSQLDatabase {
    let database = try await PostgreSQLStore.PostgreSQLDatabase.open(
      options, lakeFolder: lakeFolder, clock: clock.catalogClock)
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
    let folder = lakeFolder
    if folder != Self.noFolder {
      try? await offPool { try FileManager.default.removeItem(atPath: folder) }
    }
    Self.turns.release()
  }
}

/// A migrated database that tests copy, which is quicker than to migrate one for each.
private actor MigratedDatabase {
  static let instance = MigratedDatabase()
  private var making: Task<TestSupport.PostgreSQLDatabase, any Error>?

  func copy() async throws -> TestSupport.PostgreSQLDatabase {
    let template = try await template()
    return try await template.cluster.makeDatabase(template: template)
  }

  private func template() async throws -> TestSupport.PostgreSQLDatabase {
    if let making { return try await making.value }
    let task = Task {
      let database = try await PostgreSQLCluster.shared().makeDatabase()
      let opened = try await PostgreSQLStore.PostgreSQLDatabase.open(
        PostgreSQLBackend.options(database.connection),
        lakeFolder: PostgreSQLBackend.noFolder,
        clock: TestClock().catalogClock)
      await opened.close()
      return database
    }
    making = task
    return try await task.value
  }
}
