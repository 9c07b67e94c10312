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

    let storeRoot = try Self.storeFolder(configuration, folder: folder)
    let store = try LocalObjectStore(
      root: storeRoot,
      executor: try BlockingExecutor(name: "files", threadCount: 4, queueLimit: 4_096))
    let database = try SQLiteDatabase(
      path: folder.path + "/catalog.sqlite", lakeFolder: store.localPath(of: ""))
    let bus = SQLiteIngestBus(database: database)
    let catalog = SQLiteCatalog(database: database)

    let hub = VisibilityHub(waiterLimit: 100_000, clock: clock)
    let pending = PendingEvents(
      perTenant: limits.publish.pendingEventsPerTenant, inAll: limits.publish.pendingEvents)
    let engine = try MaterializerPool(
      options: .init(temporaryFolder: folder.path + "/engine"))
    let coordinator = Coordinator(
      bus: bus, catalog: catalog, store: store, hub: hub, materializers: engine,
      options: Self.coordinatorOptions(limits.coordinator), clock: clock, metrics: metrics,
      logger: logger)
    hub.onVisible { tenant, watermark in
      pending.visible(tenant: tenant, watermark: watermark.token)
    }
    let publisher = Publisher(
      bus: bus, options: Self.publisherOptions(limits.publish), clock: clock, metrics: metrics,
      logger: logger
    ) { tenant, head, bytes in
      pending.published(tenant: tenant, head: head)
      coordinator.published(tenant: tenant, head: head, bytes: bytes)
    }
    let pool = WorkerPool(
      options: Self.workerOptions(configuration, folder: folder, executable: executable)
    ) { event in Self.log(event, logger) }
    let maintenance = MaintenanceService(
      catalog: catalog, store: store, engine: engine, limits: limits.maintenance, clock: clock,
      wall: SystemWallClock(), metrics: metrics, logger: logger)
    let storage = StorageMonitor(
      store: store, floorBytes: limits.server.freeSpaceFloorBytes, clock: clock)
    try await Self.prepare(
      configuration, catalog: catalog, store: store, hub: hub, pending: pending)
    registry.addCollector { samples in Self.collect(pool, metrics, &samples) }
    let api = APIServices(
      configuration: configuration, catalog: catalog, bus: bus, store: store,
      publisher: publisher, coordinator: coordinator, hub: hub,
      queries: QueryService(
        catalog: catalog, store: store, hub: hub, pool: pool, clock: clock),
      maintenance: maintenance, storage: storage, pending: pending, metrics: metrics,
      registry: registry,
      sandboxLayers: {
        pool.sandboxReport.map {
          ($0.name, $0.holds ? "holds: \($0.detail)" : "off: \($0.detail)", $0.holds)
        }
      }, logger: logger, clock: clock)
    services = [
      CheckpointService(database: database, clock: clock), storage, maintenance,
      WorkerPoolService(startPool: { try await pool.start() }, stopPool: { await pool.stop() }),
      coordinator, publisher,
      HTTPService(
        configuration: configuration, handler: APIHandler(services: api), folder: folder,
        metrics: metrics, registry: registry, logger: logger),
    ]
  }

  /// What earlier processes left: watermarks, what is pending, and the tenants of the configuration.
  private static func prepare(
    _ configuration: ServerConfiguration, catalog: SQLiteCatalog, store: LocalObjectStore,
    hub: VisibilityHub, pending: PendingEvents
  ) async throws {
    var names = Set(configuration.staticKeys.map(\.tenantId))
    if !configuration.isAuthenticationRequired { names.insert("default") }
    for name in names.sorted() { _ = try await catalog.ensureTenant(named: name, limit: .max) }
    for account in try await catalog.accounts() {
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

  private static func storeFolder(
    _ configuration: ServerConfiguration, folder: DataFolder
  ) throws -> String {
    guard configuration.objectStoreFolder != configuration.dataFolder else { return folder.path }
    return configuration.objectStoreFolder
  }

  private static func coordinatorOptions(_ limits: Limits.Coordinator) -> Coordinator.Options {
    Coordinator.Options(
      flush: FlushSchedule.Options(
        flushIntervalMs: limits.flushIntervalMs, longestAgeMs: limits.maximumAgeMs,
        filesPerSecond: limits.filesPerSecond),
      claim: ClaimLimit(
        tenants: limits.commitTables, bytes: limits.claimBytes, records: limits.claimEvents),
      leaseMs: limits.leaseMs, heartbeatMs: limits.heartbeatMs)
  }

  private static func publisherOptions(_ limits: Limits.Publish) -> Publisher.Options {
    Publisher.Options(
      lanes: limits.lanes, waitingBytes: limits.queuedBytes,
      waitingRequests: limits.queuedRequests, groupBytes: limits.groupBytes,
      groupRecords: limits.groupRecords)
  }

  private static func workerOptions(
    _ configuration: ServerConfiguration, folder: DataFolder, executable: String
  ) -> WorkerPoolOptions {
    let limits = configuration.limits
    var options = WorkerPoolOptions(
      executable: executable, temporaryFolder: folder.path + "/workers")
    options.sandboxMode =
      switch configuration.sandbox {
      case .require: .require
      case .prefer: .prefer
      case .off: .off
      }
    options.maximumWorkers = limits.workers.perNode
    options.maximumRunningPerTenant = limits.query.runningPerTenant
    options.maximumWaitingPerTenant = limits.query.waitingPerTenant
    options.spareWorkers = limits.workers.spares
    options.threadsPerWorker = limits.workers.threads
    options.memoryLimitBytes = UInt64(limits.workers.memoryBytes)
    options.nodeMemoryBytes = UInt64(limits.workers.nodeMemoryBytes)
    options.temporaryLimitBytes = UInt64(limits.workers.temporaryBytes)
    options.graceMs = limits.query.killGraceMs
    options.idleMs = limits.workers.idleSeconds * 1_000
    options.maximumQueriesPerWorker = limits.workers.queriesPerWorker
    return options
  }

  private static func log(_ event: WorkerPoolEvent, _ logger: Logger) {
    switch event {
    case .birthFailed(let reason):
      logger.error(
        "query worker not started", errorCode: "WORKER_NOT_STARTED", [.detail: LogValue(reason)])
    case .workerRefused(let reason):
      logger.error(
        "query worker refused to serve", errorCode: "WORKER_REFUSED", [.reason: LogValue(reason)])
    }
  }

  private static func collect(
    _ pool: WorkerPool, _ metrics: DuckMeshMetrics, _ samples: inout MetricSamples
  ) {
    let statistics = pool.statistics
    samples.set(metrics.query.running, statistics.running)
    samples.set(metrics.query.waiting, statistics.waiting)
    samples.set(metrics.workers.count, statistics.spares, labels: "spare")
    samples.set(metrics.workers.count, statistics.running, labels: "busy")
    samples.set(
      metrics.workers.count,
      max(0, statistics.workers - statistics.spares - statistics.running), labels: "idle")
  }
}
