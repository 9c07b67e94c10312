import API
import Catalog
import Configuration
import Consistency
import Coordinator
import DuckDB
import IngestBus
import Maintenance
import Model
import ObjectStore
import Observability
import Publisher
import Query
import Runtime
import WorkerPool
import WorkerProtocol

/// Puts the product together from the roles that the process has.
struct Composition {
  let services: [any Service]

  init(
    configuration: ServerConfiguration, folder: DataFolder, executable: String, logger: Logger
  ) async throws {
    let clock = SystemMonotonicClock()
    let registry = MetricRegistry()
    let metrics = DuckMeshMetrics(registry: registry)
    registry.addCollector(
      metrics.process.collector(
        version: ProductVersion.text, engineVersion: DuckDBInstance.libraryVersion,
        logger: logger, clock: clock))
    let limits = configuration.limits
    let backends = try await Backends.open(
      configuration, folder: folder, clock: clock)
    let storage = StorageMonitor(
      store: backends.store, floorBytes: limits.server.freeSpaceFloorBytes, clock: clock)
    let parts = try Parts(
      backends, configuration, folder: folder, executable: executable, storage: storage,
      clock: clock,
      metrics: metrics, logger: logger)
    let newest = try await backends.recover(
      configuration, hub: parts.hub, pending: parts.pending)
    if let pool = parts.pool {
      registry.addCollector { samples in Self.collect(pool, metrics, &samples) }
    }
    let api = APIServices(
      configuration: configuration, catalog: backends.catalog, bus: backends.bus,
      store: backends.store, publisher: parts.publisher, batches: parts.batches,
      coordinator: parts.coordinator, hub: parts.hub, queries: parts.queries,
      maintenance: parts.maintenance, replays: parts.replays, storage: storage,
      pending: parts.pending, metrics: metrics, registry: registry,
      lakeObjection: { [lakeGuard = backends.lakeGuard] in lakeGuard.objection },
      sandboxLayers: { [pool = parts.pool] in pool.map(Self.layers(of:)) ?? [] },
      compression: try Self.compression(), logger: logger, clock: clock)
    let followers = parts.followers(backends, api: api, newest: newest, clock, logger)
    let http = HTTPService(
      configuration: configuration, handler: APIHandler(services: api), drain: api.drain,
      folder: folder, clock: clock, metrics: metrics, registry: registry, logger: logger)
    // In the order of starting; they stop in reverse: who is asked first, then what works for
    // those that are being answered, so that what is in flight drains downwards.
    let working: [(any Service)?] = [
      storage, parts.maintenance, parts.pool.map(WorkerPoolService.init), parts.coordinator,
      parts.replays, parts.publisher, http,
    ]
    // Stops after whoever writes to the lake, so that the last mark is of all that was written.
    let watch = LakeWatch(
      catalog: backends.identity, register: backends.register, lakeGuard: backends.lakeGuard,
      keepsMark: configuration.roles.contains(.maintenance), endsProcess: !backends.isShared,
      clock: clock, logger: logger)
    services = backends.services + [watch] + followers + working.compactMap { $0 }
  }
}
