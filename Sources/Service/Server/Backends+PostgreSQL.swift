import Configuration
import IngestBus
import Model
import ObjectStore
import PostgreSQLStore
import Runtime

extension Backends {
  /// Catalog and bus in one schema of PostgreSQL, for any number of processes.
  static func postgreSQL(
    _ location: Secret, store: LocalObjectStore, _ configuration: ServerConfiguration,
    clock: any MonotonicClock
  ) async throws -> Backends {
    var options = try PostgreSQLOptions(
      location: location, limits: configuration.limits.catalog)
    options.migration = configuration.catalogMigration == .auto ? .apply : .verify
    let database = try await PostgreSQLDatabase.open(
      options, lakeFolder: store.localPath(of: ""))
    let signals = PostgreSQLSignals(database: database, clock: clock)
    return Backends(
      bus: PostgreSQLIngestBus(database: database), catalog: PostgreSQLCatalog(database: database),
      store: store, membership: PostgreSQLMembership(database: database), signals: signals,
      services: [DatabaseService(database: database), signals])
  }
}

/// Closes the connections when nobody uses them any more.
private struct DatabaseService: Service {
  let name = "postgresql"
  let database: PostgreSQLDatabase

  func run(shutdown: Shutdown) async throws {
    await shutdown.wait()
    await database.close()
  }
}

extension PostgreSQLOptions {
  /// - Parameter location: a URI of libpq's with one option that is ours, `schema`.
  init(location: Secret, limits: Limits.Catalog) throws(CatalogLocationError) {
    let uri = try CatalogURI(location)
    self.init(connection: uri.connection, schema: uri.schema)
    // Apart, so that neither long statements nor a rush of queries keeps an event waiting.
    publishingConnections = max(1, limits.connections / 4)
    maintenanceConnections = max(1, limits.connections / 8)
    generalConnections = max(
      1, limits.connections - publishingConnections - maintenanceConnections)
    statementTimeoutMs = limits.statementTimeoutMs
    maintenanceTimeoutMs = max(limits.statementTimeoutMs, maintenanceTimeoutMs)
    lockTimeoutMs = limits.lockTimeoutMs
    connectTimeoutMs = limits.connectTimeoutMs
    acquireTimeoutMs = limits.acquireTimeoutMs
    maximumWaiters = limits.waitingCalls
  }
}
