import Catalog
import Configuration
import IngestBus
import Maintenance
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
    let database = try await postgreSQLDatabase(location, store: store, configuration)
    let catalog = PostgreSQLCatalog(database: database)
    let register = LakeRegister(store: store)
    let state: LakeState
    do {
      state = try await LakeIncarnation(catalog: catalog, register: register).begin(renewal: nil)
    } catch {
      await database.close()
      throw error
    }
    database.lakeGuard.arm(state)
    let signals = PostgreSQLSignals(database: database, clock: clock)
    return Backends(
      bus: PostgreSQLIngestBus(database: database, retention: segmentRetention(configuration)),
      catalog: catalog, store: store,
      membership: PostgreSQLMembership(database: database), signals: signals, identity: catalog,
      lakeGuard: database.lakeGuard, register: register, generation: state.identity.generation,
      services: [DatabaseService(database: database), signals])
  }

  static func postgreSQLDatabase(
    _ location: Secret, store: LocalObjectStore, _ configuration: ServerConfiguration
  ) async throws -> PostgreSQLDatabase {
    var options = try PostgreSQLOptions(
      location: location, limits: configuration.limits.catalog)
    options.migration = configuration.catalogMigration == .auto ? .apply : .verify
    return try await PostgreSQLDatabase.open(options, lakeFolder: store.localPath(of: ""))
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
