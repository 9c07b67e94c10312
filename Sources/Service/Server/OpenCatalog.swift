import Catalog
import Configuration
import Maintenance
import Model
import ObjectStore
import PostgreSQLStore
import Runtime
import SQLiteStore

/// A catalog and its files, opened to be looked at or adopted and not to be served.
struct OpenCatalog {
  let catalog: any Catalog
  let store: any ObjectStore
  let incarnation: LakeIncarnation
  let close: @Sendable () async -> Void

  /// How many of the files that live tables are made of are not in the object store.
  func missingFiles() async throws -> Int {
    var missing = 0
    for tenant in try await catalog.tenants() {
      for table in try await catalog.tableAccounts(tenant: tenant.id) where !table.isDropped {
        for file in table.files where try await store.byteCount(of: file.path) == nil {
          missing += 1
        }
      }
    }
    return missing
  }
}

extension Backends {
  static func openCatalog(
    _ configuration: ServerConfiguration, folder: DataFolder, clock: any MonotonicClock
  ) async throws -> OpenCatalog {
    let store = try store(configuration, folder: folder)
    let register = LakeRegister(store: store)
    switch configuration.catalog {
    case .embedded:
      let catalog = SQLiteCatalog(database: try sqlite(store: store, folder: folder))
      return OpenCatalog(
        catalog: catalog, store: store,
        incarnation: LakeIncarnation(catalog: catalog, register: register), close: {})
    case .postgreSQL(let location):
      let database = try await postgreSQLDatabase(location, store: store, configuration)
      let catalog = PostgreSQLCatalog(database: database)
      return OpenCatalog(
        catalog: catalog, store: store,
        incarnation: LakeIncarnation(catalog: catalog, register: register),
        close: { await database.close() })
    }
  }
}
