import Catalog
import IngestBus
import PostgreSQLStore
import Runtime
import SQLiteStore
import TestSupport
import Testing

/// The bus and the catalog of a mesh, over one database.
struct MeshStore: Sendable {
  enum Kind: CaseIterable, CustomTestStringConvertible {
    case sqlite, postgreSQL

    var testDescription: String {
      switch self {
      case .sqlite: "SQLite"
      case .postgreSQL: "PostgreSQL"
      }
    }
  }

  let bus: any IngestBus
  let catalog: any Catalog
  /// As the official extension attaches it.
  let officialName: String
  private let sqlite: SQLiteDatabase?
  private let postgreSQL: PostgreSQLStore.PostgreSQLDatabase?

  /// Of a mesh over SQLite.
  var sqliteCatalog: SQLiteCatalog {
    guard let sqlite else { preconditionFailure("a mesh over SQLite") }
    return SQLiteCatalog(database: sqlite)
  }

  static func open(
    _ kind: Kind, folder: String, lakeFolder: String, clock: TestClock?
  ) async throws -> MeshStore {
    let clock = clock?.catalogClock ?? .system
    switch kind {
    case .sqlite:
      let path = folder + "/catalog.sqlite"
      let database = try await offPool {
        try SQLiteDatabase(path: path, lakeFolder: lakeFolder, clock: clock)
      }
      return MeshStore(
        bus: SQLiteIngestBus(database: database), catalog: SQLiteCatalog(database: database),
        officialName: "sqlite:" + path, sqlite: database, postgreSQL: nil)
    case .postgreSQL:
      let made = try await PostgreSQLCluster.shared().makeDatabase()
      let database = try await PostgreSQLStore.PostgreSQLDatabase.open(
        PostgreSQLOptions(
          connection: made.connection, publishingConnections: 2, generalConnections: 3,
          maintenanceConnections: 1, lockTimeoutMs: 60_000, connectTimeoutMs: 60_000,
          acquireTimeoutMs: 60_000),
        lakeFolder: lakeFolder, clock: clock)
      return MeshStore(
        bus: PostgreSQLIngestBus(database: database),
        catalog: PostgreSQLCatalog(database: database),
        officialName: "postgres:" + made.connection, sqlite: nil, postgreSQL: database)
    }
  }

  func close() async { await postgreSQL?.close() }
}
