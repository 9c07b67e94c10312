import Catalog
import Consistency
import Coordinator
import DuckDB
import Foundation
import Glibc
import IngestBus
import Maintenance
import Model
import ObjectStore
import Observability
import Query
import Runtime
import SQLite
import TestSupport
import Testing

/// The real thing from the bus to the lake, in a folder of its own: a store, DuckDB and files. Only
/// what a test breaks on purpose stands between them.
final class Mesh: Sendable {
  let folder: String
  let clock: TestClock?
  let bus: any IngestBus
  let catalog: BreakableCatalog
  let store: BreakableStore
  let engine: MaterializerPool
  let hub: VisibilityHub
  let registry = MetricRegistry()
  let metrics: DuckMeshMetrics
  let logger: Logger
  let opened: MeshStore
  private let logFile: FileHandle

  /// - Parameter clock: the catalog's clocks, moved by hand; the machine's when nil.
  init(folder: String, files: LocalObjectStore, opened: MeshStore, clock: TestClock?) throws {
    self.folder = folder
    self.clock = clock
    self.opened = opened
    store = BreakableStore(files)
    bus = opened.bus
    catalog = BreakableCatalog(opened.catalog)
    engine = try MaterializerPool(
      options: .init(memoryLimitBytes: 256 << 20, temporaryFolder: folder + "/engine"))
    hub = VisibilityHub(waiterLimit: 10_000, clock: SystemMonotonicClock())
    metrics = DuckMeshMetrics(registry: registry)
    _ = FileManager.default.createFile(atPath: folder + "/log", contents: nil)
    logFile = try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/log"))
    logger = try Logger.start(
      service: "test", minimumLevel: .info, descriptor: logFile.fileDescriptor)
  }

  func coordinator(
    membership: any Membership = SoleMembership(), hub: VisibilityHub? = nil,
    _ change: (inout Coordinator.Options) -> Void = { _ in }
  ) -> Coordinator {
    var options = Coordinator.Options(
      flush: .init(flushIntervalMs: 20, longestAgeMs: 100, filesPerSecond: 1_000),
      backlogIntervalMs: 50, acknowledgeIntervalMs: 20,
      backoff: Backoff(initialMs: 5, maximumMs: 20))
    // No test waits for a lease to run out by itself, and on a busy machine three seconds may.
    options.leaseMs = 600_000
    change(&options)
    return Coordinator(
      bus: bus, membership: membership, catalog: catalog, store: store, hub: hub ?? self.hub,
      materializers: engine,
      options: options, clock: SystemMonotonicClock(), metrics: metrics, logger: logger)
  }

  func maintenance(
    _ limits: Limits.Maintenance = Limits.Maintenance(),
    monotonic: any MonotonicClock = SystemMonotonicClock(), wall: any WallClock = SystemWallClock()
  ) -> MaintenanceService {
    MaintenanceService(
      catalog: catalog, store: store, engine: engine, limits: limits, clock: monotonic,
      wall: wall, metrics: metrics, logger: logger)
  }

  /// What the integrity run says, with nothing left out.
  func integrity() async throws -> IntegrityReport {
    try await maintenance().checkIntegrity(tenants: nil)
  }

  /// Runs a statement past all rules, as a lying program or a damaged disk would.
  func tamper(_ sql: String) async throws {
    let path = folder + "/catalog.sqlite"
    try await offPool {
      // On a busy machine whoever writes may keep the lock for longer than the usual five seconds.
      try SQLiteConnection(path: path, mode: .readWriteCreate, busyTimeoutMs: 120_000).execute(sql)
    }
  }

  /// For hooks that may not throw: a failure is the test's, not what the hook is about.
  func tamperOrRecord(_ sql: String) async {
    do {
      try await tamper(sql)
    } catch {
      Issue.record("tampering failed: \(error)")
    }
  }

  /// One number out of the catalog's database.
  func number(_ sql: String) async throws -> Int64 {
    let path = folder + "/catalog.sqlite"
    return try await offPool {
      let statement = try SQLiteConnection(path: path, mode: .readOnly).prepare(sql)
      return try statement.step() ? statement.int64(0) : 0
    }
  }

  /// The keys of all objects in the lake.
  func objects() async throws -> [String] {
    try await store.list(prefix: "", after: nil, limit: 100_000).map(\.key)
  }

  /// Objects that no row of the catalog names.
  func orphans() async throws -> [String] {
    let keys = try await objects()
    let named = try await catalog.referencedPaths(among: keys)
    return keys.filter { !named.contains($0) }
  }

  func stagedFiles() throws -> [String] {
    try TestSupport.files(below: folder + "/staging")
  }
}

/// All tests begin at once: with each at work, one would wait for the cores for longer than its
/// patience lasts.
private let meshPlaces = AsyncSemaphore(permits: 8, maximumWaiters: 10_000)

/// Runs a test on a fresh mesh whose folder is removed afterwards. A test has one at a time.
func withMesh(
  over kind: MeshStore.Kind = .sqlite, clock: TestClock? = nil,
  _ body: @Sendable (Mesh) async throws -> Void
) async throws {
  try await meshPlaces.acquire(until: .distantFuture, on: SystemMonotonicClock())
  defer { meshPlaces.release() }
  let folder = FileManager.default.temporaryDirectory.path + "/duckmesh-mesh-" + UUID().uuidString
  defer { try? FileManager.default.removeItem(atPath: folder) }
  let files = try await offPool {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return try LocalObjectStore(
      root: folder,
      executor: try BlockingExecutor(name: "test-files", threadCount: 2, queueLimit: 1_000))
  }
  let opened = try await MeshStore.open(
    kind, folder: folder, lakeFolder: files.localPath(of: ""), clock: clock)
  do {
    try await body(
      try await offPool { try Mesh(folder: folder, files: files, opened: opened, clock: clock) })
  } catch {
    await opened.close()
    throw error
  }
  await opened.close()
}

/// Runs `body` beside a running coordinator, and stops that in order afterwards.
func running<Value: Sendable>(
  _ coordinator: Coordinator, _ body: @Sendable (Coordinator) async throws -> Value
) async throws -> Value {
  let shutdown = Shutdown()
  return try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { try await coordinator.run(shutdown: shutdown) }
    let value: Value
    do {
      value = try await body(coordinator)
    } catch {
      shutdown.request()
      throw error
    }
    shutdown.request()
    try await group.waitForAll()
    return value
  }
}

/// Runs a blocking call away from the cooperative pool.
func offPool<Value: Sendable>(
  _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    DispatchQueue.global().async { continuation.resume(with: Result(catching: body)) }
  }
}
