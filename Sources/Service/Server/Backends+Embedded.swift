import IngestBus
import ObjectStore
import Runtime
import SQLiteStore

extension Backends {
  /// One SQLite database for catalog and bus in the data folder, for one process.
  static func embedded(
    store: LocalObjectStore, folder: DataFolder, clock: any MonotonicClock
  ) throws -> Backends {
    let database = try SQLiteDatabase(
      path: folder.path + "/catalog.sqlite", lakeFolder: store.localPath(of: ""))
    return Backends(
      bus: SQLiteIngestBus(database: database), catalog: SQLiteCatalog(database: database),
      store: store, membership: SoleMembership(), signals: nil,
      services: [CheckpointService(database: database, clock: clock)])
  }
}
