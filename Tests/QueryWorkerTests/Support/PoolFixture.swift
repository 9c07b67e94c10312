import Foundation
import Glibc
import Runtime
import Testing
import WorkerPool
import WorkerProtocol

/// A pool over the real program, with a lake of its own.
struct PoolFixture {
  let lake: Lake
  let pool: WorkerPool

  /// The program lies beside the test bundle.
  static func executable() throws -> String {
    let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let path = (bundle as NSString).deletingLastPathComponent + "/duckmesh"
    try #require(
      FileManager.default.isExecutableFile(atPath: path),
      "the program duckmesh is not built beside the tests, at \(path)")
    return path
  }

  /// Runs the body with a started pool, and stops the pool whatever happens.
  static func withPool(
    _ configure: (inout WorkerPoolOptions) -> Void = { _ in },
    _ body: (PoolFixture) async throws -> Void
  ) async throws {
    let lake = try Lake()
    var options = WorkerPoolOptions(
      executable: try executable(), temporaryFolder: lake.root + "/workers")
    options.sandboxMode = .require
    options.memoryLimitBytes = 256 << 20
    options.maximumWorkers = 4
    configure(&options)
    let pool = WorkerPool(options: options)
    do {
      try await pool.start()
      try await body(PoolFixture(lake: lake, pool: pool))
    } catch {
      await pool.stop()
      throw error
    }
    await pool.stop()
    #expect(pool.statistics.workers == 0)
    let left = try FileManager.default.contentsOfDirectory(atPath: options.temporaryFolder)
    #expect(left.filter { $0.hasPrefix("worker-") } == [])
  }

  @discardableResult
  func run(
    _ sql: String, tenant: Int64 = 1, timeoutMs: Int = 20_000,
    _ configure: (inout WorkerQuery) -> Void = { _ in }, listing: [ListedTable] = []
  ) async throws -> CollectedAnswer {
    var query = WorkerQuery(sql: sql)
    configure(&query)
    let answer = CollectedAnswer()
    try await pool.run(
      query, tenant: lake.binding(tenant),
      deadline: SystemMonotonicClock().now.advanced(byMs: timeoutMs),
      resolve: lake.resolver(for: tenant, listing: listing), output: answer)
    return answer
  }

  /// 0 when tenant 1's worker managed the operation, else the errno value.
  func probe(_ operation: String, _ path: String) async throws -> Int32 {
    try await pool.probe(
      operation, path: path, tenant: lake.binding(1),
      deadline: SystemMonotonicClock().now.advanced(byMs: 20_000))
  }

  func expectRefused(
    _ operation: String, _ path: String, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let errorNumber = try await probe(operation, path)
    #expect(errorNumber != 0, "\(operation) \(path)", sourceLocation: sourceLocation)
  }

  /// The failure's class, or nil when the statement answered.
  func failure(
    of sql: String, tenant: Int64 = 1, timeoutMs: Int = 20_000,
    _ configure: (inout WorkerQuery) -> Void = { _ in }
  ) async -> Failure? {
    do {
      try await run(sql, tenant: tenant, timeoutMs: timeoutMs, configure)
      return nil
    } catch let error as WorkerError {
      return Failure(error)
    } catch {
      return .other("\(error)")
    }
  }

  enum Failure: Equatable {
    case query(QueryFailureKind)
    case timedOut, lost, queueFull, cancelled
    case other(String)

    init(_ error: WorkerError) {
      switch error {
      case .failed(let failure): self = .query(failure.failure)
      case .timedOut: self = .timedOut
      case .workerLost: self = .lost
      case .queueFull: self = .queueFull
      case .cancelled: self = .cancelled
      default: self = .other("\(error)")
      }
    }
  }
}
