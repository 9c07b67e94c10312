import API
import Catalog
import Configuration
import IngestBus
import Maintenance
import Model
import ObjectStore
import Runtime

/// What stands behind the seams.
struct Backends {
  let bus: any IngestBus & BatchBus & RetainedEvents
  let catalog: any Catalog & EventReplayCatalog
  let store: any ObjectStore
  /// Who else materialises events from the bus.
  let membership: any Membership
  /// Nil where this process has the lake to itself.
  let signals: (any LakeSignals)?
  /// Which catalog this is, and what the process is held to.
  let identity: any IdentityCatalog
  let lakeGuard: LakeGuard
  let register: LakeRegister
  /// The generation of the catalog, which does not change while the process lives.
  let generation: Int64
  /// What the backends need to run; to be started before whoever uses them.
  let services: [any Service]

  /// Whether other processes may work on the same lake.
  var isShared: Bool { signals != nil }

  static func open(
    _ configuration: ServerConfiguration, folder: DataFolder, clock: any MonotonicClock
  ) async throws -> Backends {
    switch configuration.catalog {
    case .embedded:
      try await embedded(
        store: store(configuration, folder: folder), folder: folder, configuration, clock: clock)
    case .postgreSQL(let location):
      try await postgreSQL(
        location, store: store(configuration, folder: folder), configuration, clock: clock)
    }
  }

  static func segmentRetention(_ configuration: ServerConfiguration) -> SegmentRetention {
    SegmentRetention(
      seconds: configuration.limits.publish.segmentRetentionSeconds,
      events: configuration.limits.publish.segmentRetentionEvents)
  }

  static func store(
    _ configuration: ServerConfiguration, folder: DataFolder
  ) throws -> LocalObjectStore {
    let isDefault = configuration.objectStoreFolder == configuration.dataFolder
    return try LocalObjectStore(
      root: isDefault ? folder.path : configuration.objectStoreFolder,
      isShared: configuration.catalog != .embedded,
      executor: try BlockingExecutor(name: "files", threadCount: 4, queueLimit: 4_096))
  }

  /// Takes in what earlier processes left: watermarks and what is pending; makes the tenants of the
  /// configuration.
  ///
  /// - Returns: the newest snapshot of which the watermarks are known now.
  func recover(
    _ configuration: ServerConfiguration, hub: VisibilityHub, pending: PendingEvents?
  ) async throws -> SnapshotID {
    var names = Set(configuration.staticKeys.map(\.tenantId))
    if !configuration.isAuthenticationRequired { names.insert("default") }
    for name in names.sorted() { _ = try await catalog.ensureTenant(named: name, limit: .max) }
    let watermarks = try await catalog.watermarks(after: SnapshotID(0))
    // What was committed right before the end may not have been acknowledged.
    try await bus.acknowledge(watermarks.map { (tenant: $0.tenant, through: $0.watermark) })
    for tenant in watermarks {
      pending?.learn(tenant: tenant.tenant, head: tenant.watermark, watermark: tenant.watermark)
    }
    hub.announce(watermarks.map { ($0.tenant, .init(token: $0.watermark, snapshot: $0.snapshot)) })
    for tenant in try await bus.backlog() {
      pending?.learn(
        tenant: tenant.tenant, head: tenant.head, watermark: tenant.watermark,
        voids: tenant.voids)
    }
    for tenant in try await catalog.tenants() { try await store.prepareFolder(tenant.folder) }
    return watermarks.map(\.snapshot).max() ?? SnapshotID(0)
  }
}
