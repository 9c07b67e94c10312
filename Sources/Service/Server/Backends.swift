import API
import Catalog
import Configuration
import Consistency
import Model
import ObjectStore
import Runtime
import SQLiteStore

/// The embedded backends: one SQLite database for catalog and bus, one local folder for files.
struct Backends {
  let database: SQLiteDatabase
  let bus: SQLiteIngestBus
  let catalog: SQLiteCatalog
  let store: LocalObjectStore

  init(_ configuration: ServerConfiguration, folder: DataFolder) throws {
    let isDefault = configuration.objectStoreFolder == configuration.dataFolder
    store = try LocalObjectStore(
      root: isDefault ? folder.path : configuration.objectStoreFolder,
      executor: try BlockingExecutor(name: "files", threadCount: 4, queueLimit: 4_096))
    database = try SQLiteDatabase(
      path: folder.path + "/catalog.sqlite", lakeFolder: store.localPath(of: ""))
    bus = SQLiteIngestBus(database: database)
    catalog = SQLiteCatalog(database: database)
  }

  /// Takes in what earlier processes left: watermarks and what is pending; makes the tenants of the
  /// configuration.
  func recover(
    _ configuration: ServerConfiguration, hub: VisibilityHub, pending: PendingEvents
  ) async throws {
    var names = Set(configuration.staticKeys.map(\.tenantId))
    if !configuration.isAuthenticationRequired { names.insert("default") }
    for name in names.sorted() { _ = try await catalog.ensureTenant(named: name, limit: .max) }
    let accounts = try await catalog.accounts()
    // What was committed right before the end may not have been acknowledged.
    try await bus.acknowledge(accounts.map { (tenant: $0.tenant, through: $0.watermark) })
    for account in accounts {
      let latest = try await catalog.latestSnapshot(tenant: account.tenant)
      hub.announce([
        (account.tenant, BarrierState.Watermark(token: account.watermark, snapshot: latest.id))
      ])
      pending.learn(
        tenant: account.tenant, head: VisibilityToken(account.acknowledged),
        watermark: account.watermark)
    }
    for tenant in try await catalog.tenants() { try await store.prepareFolder(tenant.folder) }
  }
}
