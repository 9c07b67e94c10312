import API
import Catalog
import Configuration
import Consistency
import Coordinator
import Maintenance
import Model
import Observability
import Publisher
import Query
import Replayer
import Runtime
import WorkerPool

/// What the roles of a process are made of; what no role needs is not there.
struct Parts {
  /// Waits at one time, far above the requests that can be in flight.
  private static let waiterLimit = 100_000

  let hub: VisibilityHub
  let pending: PendingEvents
  let publisher: Publisher?
  let batches: BatchIngest?
  let coordinator: Coordinator?
  let pool: WorkerPool?
  let queries: QueryService?
  let maintenance: MaintenanceService?
  let replays: ReplayService?

  init(
    _ backends: Backends, _ configuration: ServerConfiguration, folder: DataFolder,
    executable: String, storage: StorageMonitor, clock: any MonotonicClock,
    metrics: DuckMeshMetrics, logger: Logger
  ) throws {
    let limits = configuration.limits
    let roles = configuration.roles
    let pending = PendingEvents(
      perTenant: limits.publish.pendingEventsPerTenant, inAll: limits.publish.pendingEvents,
      isShared: backends.isShared, floor: LakeGeneration.floor(of: backends.generation),
      clock: clock)
    let hub = VisibilityHub(waiterLimit: Self.waiterLimit, clock: clock)
    let engineOptions = MaterializerPool.Options(temporaryFolder: folder.path + "/engine")
    let engine = try Self.engine(roles, engineOptions)
    var coordinator: Coordinator?
    if let engine, roles.contains(.coordinator) {
      let probe = CrashProbe(
        executable: executable, folder: folder.path + "/probes", engine: engineOptions)
      coordinator = Coordinator(
        bus: backends.bus, membership: backends.membership, catalog: backends.catalog,
        store: backends.store, hub: hub, materializers: engine,
        options: Composition.coordinatorOptions(
          limits.coordinator, isShared: backends.isShared),
        clock: clock, metrics: metrics, logger: logger,
        crashGuard: CrashGuard(folder: folder.path + "/attempts", probe: probe))
    }
    let onPublished: Publisher.Listener = { [coordinator] tenant, head, bytes in
      pending.published(tenant: tenant, head: head)
      coordinator?.published(tenant: tenant, head: head, bytes: bytes)
    }
    publisher =
      !roles.contains(.api)
      ? nil
      : Publisher(
        bus: backends.bus, options: Composition.publisherOptions(limits.publish), clock: clock,
        metrics: metrics, logger: logger, onPublished: onPublished)
    batches =
      !roles.contains(.api)
      ? nil
      : try BatchIngest(
        bus: backends.bus,
        publisher: BatchPublisher(
          bus: backends.bus, clock: clock, metrics: metrics, onPublished: onPublished),
        store: backends.store, limits: limits.batch,
        staging: Composition.stagingOptions(configuration, executable: executable),
        threads: max(2, limits.workers.threads))
    pool =
      !roles.contains(.query)
      ? nil
      : WorkerPool(
        options: Composition.workerOptions(configuration, folder: folder, executable: executable)
      ) { event in Composition.log(event, logger) }
    queries = pool.map {
      QueryService(
        catalog: backends.catalog, store: backends.store, hub: hub, pool: $0, clock: clock)
    }
    maintenance =
      !roles.contains(.maintenance)
      ? nil
      : engine.map { Self.maintenance(backends, limits, engine: $0, clock, metrics, logger) }
    replays =
      !roles.contains(.maintenance)
      ? nil
      : Self.replays(
        backends, limits, hub: hub, storage: storage, clock, metrics, logger,
        onPublished: onPublished)
    self.hub = hub
    self.pending = pending
    self.coordinator = coordinator
  }
  private static func maintenance(
    _ backends: Backends, _ limits: Limits, engine: MaterializerPool,
    _ clock: any MonotonicClock, _ metrics: DuckMeshMetrics, _ logger: Logger
  ) -> MaintenanceService {
    MaintenanceService(
      catalog: backends.catalog, uploads: backends.bus, retained: backends.bus,
      store: backends.store, engine: engine, limits: limits.maintenance, clock: clock,
      wall: SystemWallClock(), metrics: metrics, logger: logger)
  }

  private static func replays(
    _ backends: Backends, _ limits: Limits, hub: VisibilityHub, storage: StorageMonitor,
    _ clock: any MonotonicClock, _ metrics: DuckMeshMetrics, _ logger: Logger,
    onPublished: @escaping Publisher.Listener
  ) -> ReplayService {
    ReplayService(
      bus: backends.bus, catalog: backends.catalog, hub: hub,
      options: ReplayService.Options(pageRecords: limits.maintenance.replayRecords),
      clock: clock, metrics: metrics, logger: logger,
      mayPublish: { !storage.isBelowFloor }, onPublished: onPublished)
  }

  private static func engine(
    _ roles: Set<ServerRole>, _ options: MaterializerPool.Options
  ) throws -> MaterializerPool? {
    roles.isDisjoint(with: [.coordinator, .maintenance])
      ? nil : try MaterializerPool(options: options)
  }
}
