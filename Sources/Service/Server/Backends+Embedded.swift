import Catalog
import Configuration
import IngestBus
import Maintenance
import ObjectStore
import Runtime
import SQLiteStore

extension Backends {
  /// One SQLite database for catalog and bus in the data folder, for one process.
  static func embedded(
    store: LocalObjectStore, folder: DataFolder, _ configuration: ServerConfiguration,
    clock: any MonotonicClock
  ) async throws -> Backends {
    let database = try sqlite(store: store, folder: folder)
    let catalog = SQLiteCatalog(database: database)
    let register = LakeRegister(store: store)
    // A copy of the file says of itself what the file said, so each start leaves a mark in both.
    let state = try await LakeIncarnation(catalog: catalog, register: register)
      .begin { nonce throws(CatalogError) in try await catalog.renew(nonce: nonce) }
    let lakeGuard = LakeGuard()
    lakeGuard.arm(state)
    return Backends(
      bus: SQLiteIngestBus(database: database, retention: segmentRetention(configuration)),
      catalog: catalog, store: store, membership: SoleMembership(), signals: nil, identity: catalog,
      lakeGuard: lakeGuard, register: register, generation: state.identity.generation,
      services: [CheckpointService(database: database, clock: clock)])
  }

  static func sqlite(
    store: LocalObjectStore, folder: DataFolder
  ) throws(CatalogOpenError) -> SQLiteDatabase {
    try SQLiteDatabase(
      path: folder.path + "/catalog.sqlite", lakeFolder: store.localPath(of: ""))
  }
}
