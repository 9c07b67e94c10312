import Catalog
import Configuration
import Coordinator
import IngestBus
import Maintenance
import Model
import ObjectStore
import Observability
import Publisher
import Query
import Replayer
import Runtime

/// What the routes work with; made once by the composition.
///
/// A class, because every handler of every request holds it.
package final class APIServices: Sendable {
  let configuration: ServerConfiguration
  let catalog: any Catalog & EventReplayCatalog
  let bus: any IngestBus & RetainedEvents
  /// Nil in a process without the role `api`, as the next one is; so are those behind without
  /// theirs.
  let publisher: Publisher?
  let batches: BatchIngest?
  let coordinator: Coordinator?
  let queries: QueryService?
  let maintenance: MaintenanceService?
  let replays: ReplayService?
  let hub: VisibilityHub
  let storage: StorageMonitor
  let pending: PendingEvents
  let rates: RateLimiter
  let queryDrain: QueryDrain
  let directory: TableDirectory
  let metrics: DuckMeshMetrics
  let registry: MetricRegistry
  /// Why the catalog must not be used any more; nil while it may.
  let lakeObjection: @Sendable () -> String?
  let sandboxLayers: @Sendable () -> [(name: String, state: String, holds: Bool)]
  /// Threads that compress answers.
  let compression: BlockingExecutor
  let logger: Logger
  let clock: any MonotonicClock
  package let drain = Drain()

  package init(
    configuration: ServerConfiguration, catalog: any Catalog & EventReplayCatalog,
    bus: any IngestBus & RetainedEvents,
    store: any ObjectStore, publisher: Publisher?, batches: BatchIngest?, coordinator: Coordinator?,
    hub: VisibilityHub,
    queries: QueryService?, maintenance: MaintenanceService?, replays: ReplayService?,
    storage: StorageMonitor,
    pending: PendingEvents, metrics: DuckMeshMetrics, registry: MetricRegistry,
    lakeObjection: @escaping @Sendable () -> String?,
    sandboxLayers: @escaping @Sendable () -> [(name: String, state: String, holds: Bool)],
    compression: BlockingExecutor, logger: Logger, clock: any MonotonicClock
  ) {
    self.configuration = configuration
    self.catalog = catalog
    self.bus = bus
    self.publisher = publisher
    self.batches = batches
    self.coordinator = coordinator
    self.hub = hub
    self.queries = queries
    self.maintenance = maintenance
    self.replays = replays
    self.storage = storage
    self.pending = pending
    queryDrain = QueryDrain(clock: clock)
    rates = RateLimiter(configuration.limits.rates, clock: clock)
    directory = TableDirectory(
      catalog: catalog, store: store, tenantLimit: configuration.limits.request.openTenants)
    self.metrics = metrics
    self.registry = registry
    self.lakeObjection = lakeObjection
    self.sandboxLayers = sandboxLayers
    self.compression = compression
    self.logger = logger
    self.clock = clock
  }

  var limits: Limits { configuration.limits }

  /// Another process has made, changed or dropped tables.
  ///
  /// - Parameter tenant: nil when it may be any tenant's.
  package func tablesChanged(of tenant: TenantID?) { directory.forgetTables(of: tenant) }

  /// The identity's tenant, made on first use where that is allowed.
  ///
  /// - Parameter missing: what is said of a tenant that is not there; a table or a snapshot of
  ///   such a tenant is missing like any other.
  func tenant(
    _ context: RequestContext, makes: Bool, missing: APIError = .tenantNotFound
  ) async throws(APIError) -> TenantRecord {
    guard let identity = context.identity,
      let tenant = try await directory.tenant(of: identity, makes: makes)
    else { throw missing }
    return tenant
  }
}
