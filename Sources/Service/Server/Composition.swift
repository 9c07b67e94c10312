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
import SQLiteStore
import WorkerPool
import WorkerProtocol

/// Puts the product together: the only place that names concrete backends.
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
    let backends = try Backends(configuration, folder: folder)
    let writing = try WritePath(
      backends, limits: limits, folder: folder, executable: executable, clock: clock,
      metrics: metrics, logger: logger)
    try await backends.recover(configuration, hub: writing.hub, pending: writing.pending)
    writing.followVisibility()
    let pool = WorkerPool(
      options: Self.workerOptions(configuration, folder: folder, executable: executable)
    ) { event in Self.log(event, logger) }
    registry.addCollector { samples in Self.collect(pool, metrics, &samples) }
    let maintenance = MaintenanceService(
      catalog: backends.catalog, store: backends.store, engine: writing.engine,
      limits: limits.maintenance, clock: clock, wall: SystemWallClock(), metrics: metrics,
      logger: logger)
    let storage = StorageMonitor(
      store: backends.store, floorBytes: limits.server.freeSpaceFloorBytes, clock: clock)
    let api = APIServices(
      configuration: configuration, catalog: backends.catalog, bus: backends.bus,
      store: backends.store, publisher: writing.publisher, coordinator: writing.coordinator,
      hub: writing.hub,
      queries: QueryService(
        catalog: backends.catalog, store: backends.store, hub: writing.hub, pool: pool,
        clock: clock),
      maintenance: maintenance, storage: storage, pending: writing.pending, metrics: metrics,
      registry: registry, sandboxLayers: { Self.layers(of: pool) }, logger: logger, clock: clock)
    // In the order of starting; they stop in reverse, so what is in flight drains downwards.
    services = [
      CheckpointService(database: backends.database, clock: clock), storage, maintenance,
      WorkerPoolService(startPool: { try await pool.start() }, stopPool: { await pool.stop() }),
      writing.coordinator, writing.publisher,
      HTTPService(
        configuration: configuration, handler: APIHandler(services: api), folder: folder,
        metrics: metrics, registry: registry, logger: logger),
    ]
  }
}

/// From the edge to a snapshot: publisher, coordinator, and those who wait.
struct WritePath {
  /// Waits at one time, far above the requests that can be in flight.
  private static let waiterLimit = 100_000

  let hub: VisibilityHub
  let pending: PendingEvents
  let engine: MaterializerPool
  let coordinator: Coordinator
  let publisher: Publisher

  init(
    _ backends: Backends, limits: Limits, folder: DataFolder, executable: String,
    clock: any MonotonicClock, metrics: DuckMeshMetrics, logger: Logger
  ) throws {
    let pending = PendingEvents(
      perTenant: limits.publish.pendingEventsPerTenant, inAll: limits.publish.pendingEvents,
      clock: clock)
    hub = VisibilityHub(waiterLimit: Self.waiterLimit, clock: clock)
    let engineOptions = MaterializerPool.Options(temporaryFolder: folder.path + "/engine")
    engine = try MaterializerPool(options: engineOptions)
    let probe = CrashProbe(
      executable: executable, folder: folder.path + "/probes", engine: engineOptions)
    let coordinator = Coordinator(
      bus: backends.bus, catalog: backends.catalog, store: backends.store, hub: hub,
      materializers: engine, options: Composition.coordinatorOptions(limits.coordinator),
      clock: clock, metrics: metrics, logger: logger,
      crashGuard: CrashGuard(folder: folder.path + "/attempts", probe: probe))
    publisher = Publisher(
      bus: backends.bus, options: Composition.publisherOptions(limits.publish), clock: clock,
      metrics: metrics, logger: logger
    ) { tenant, head, bytes in
      pending.published(tenant: tenant, head: head)
      coordinator.published(tenant: tenant, head: head, bytes: bytes)
    }
    self.pending = pending
    self.coordinator = coordinator
  }

  /// Begins to count down what becomes visible; what was visible before is known already.
  func followVisibility() {
    hub.onVisible { [pending] tenant, watermark in
      pending.visible(tenant: tenant, watermark: watermark.token)
    }
  }
}
