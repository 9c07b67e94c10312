import Dispatch
import Foundation
import IngestBus
import Runtime
import SQLite
import SQLiteStore

/// The embedded database in a temporary folder.
final class SQLiteBackend: EmbeddedBackend {
  let folder: String
  private let clock: TestClock
  private let opened = Lock<SQLiteDatabase?>(nil)
  private let copies = Lock<Int>(0)
  /// A checkpoint and a copy exclude each other: the copy takes the database first and the log
  /// second, which is one moment's state only while no page moves from the log to the database.
  private let checkpoints = AsyncSemaphore(permits: 1, maximumWaiters: 64)

  init(clock: TestClock) async throws {
    self.clock = clock
    folder = FileManager.default.temporaryDirectory.path + "/duckmesh-store-" + UUID().uuidString
    let folder = folder
    try await offPool {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
    }
  }

  var databasePath: String { folder + "/catalog.sqlite" }
  var lakeFolder: String { folder + "/lake/" }

  func open(retention: SegmentRetention) async throws -> OpenStore {
    let database = try await Self.database(at: databasePath, lake: lakeFolder, clock: clock)
    opened.withLock { $0 = database }
    return OpenStore(
      bus: SQLiteIngestBus(database: database, retention: retention),
      catalog: SQLiteCatalog(database: database))
  }

  func openAfterCrash() async throws -> OpenStore {
    let number = copies.withLock { count in
      count += 1
      return count
    }
    let (source, target) = (databasePath, folder + "/crash-\(number).sqlite")
    try await checkpoints.withPermit(until: Self.patience, on: Self.clock) {
      try await offPool {
        try FileManager.default.copyItem(atPath: source, toPath: target)
        try FileManager.default.copyItem(atPath: source + "-wal", toPath: target + "-wal")
      }
    }
    let database = try await Self.database(at: target, lake: lakeFolder, clock: clock)
    return OpenStore(
      bus: SQLiteIngestBus(database: database), catalog: SQLiteCatalog(database: database))
  }

  func damage(_ sql: String) async throws {
    let path = databasePath
    try await offPool { try SQLiteConnection(path: path, mode: .readWriteCreate).execute(sql) }
  }

  let skipListDamages = [
    "UPDATE duckmesh_segment SET skipped = x'00' WHERE first_token = 2",
    "UPDATE duckmesh_segment SET skipped = x'ff' WHERE first_token = 2",
  ]

  func checkpoint() async throws {
    guard let database = opened.withLock({ $0 }) else { return }
    try await checkpoints.withPermit(until: Self.patience, on: Self.clock) {
      try await database.checkpoint()
    }
  }

  func remove() async {
    opened.withLock { $0 = nil }
    let folder = folder
    try? await offPool { try FileManager.default.removeItem(atPath: folder) }
  }

  private static let clock = SystemMonotonicClock()
  private static var patience: MonotonicInstant { clock.now.advanced(byMs: 60_000) }

  /// The log's size in bytes.
  func logBytes() async throws -> Int {
    let path = databasePath + "-wal"
    return try await offPool {
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      return (attributes[.size] as? NSNumber)?.intValue ?? -1
    }
  }

  static func database(
    at path: String, lake: String, clock: TestClock
  ) async throws -> SQLiteDatabase {
    try await offPool {
      try SQLiteDatabase(path: path, lakeFolder: lake, clock: clock.catalogClock)
    }
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
