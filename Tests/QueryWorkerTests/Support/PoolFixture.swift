import Foundation
import Glibc
import Runtime
import Testing
import WorkerPool
import WorkerProtocol

/// A change to the options that tests start from.
struct PoolAdjustment {
  let apply: (inout WorkerPoolOptions) -> Void

  static var none: PoolAdjustment { PoolAdjustment { _ in } }

  static func with(_ apply: @escaping (inout WorkerPoolOptions) -> Void) -> PoolAdjustment {
    PoolAdjustment(apply: apply)
  }
}

/// A pool over the real program, with a lake of its own.
struct PoolFixture {
  let lake: Lake
  let pool: WorkerPool

  /// How long a test waits for what must happen: a busy machine is no fault of the pool's.
  static let patienceMs = 120_000

  /// Every pool is some processes: all tests at once would measure the machine, not the pool.
  private static let places = AsyncSemaphore(permits: 2, maximumWaiters: 1_000)

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
    _ adjustment: PoolAdjustment = .none,
    _ body: (PoolFixture) async throws -> Void
  ) async throws {
    try await places.acquire(until: .distantFuture, on: SystemMonotonicClock())
    defer { places.release() }
    let lake = try Lake()
    var options = WorkerPoolOptions(
      executable: try executable(), temporaryFolder: lake.root + "/workers")
    options.sandboxMode = .require
    options.memoryLimitBytes = 256 << 20
    options.maximumWorkers = 4
    options.birthLimitMs = patienceMs
    options.graceMs = patienceMs
    adjustment.apply(&options)
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
    _ sql: String, tenant: Int64 = 1, timeoutMs: Int = Self.patienceMs,
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

  /// Runs a statement without tables and compares its rendered rows.
  func expect(
    _ sql: String, answers text: String, tenant: Int64 = 1,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let answer = try await run(sql, tenant: tenant)
    #expect(answer.text == text, sourceLocation: sourceLocation)
  }

  /// Runs a query of tenant 1 into a sink; nil when it was answered.
  func outcome(
    of query: WorkerQuery, into sink: some AnswerSink,
    deadline: MonotonicInstant = .distantFuture,
    resolve: @escaping @Sendable (NeedMessage) async throws -> ResolvedRelations = { _ in
      ResolvedRelations(relations: [])
    }
  ) async -> Failure? {
    // Whoever waits for the first rows of a query that failed must not wait for ever.
    defer { (sink as? Gatekeeper)?.firstRows.decide(()) }
    do throws(WorkerError) {
      try await pool.run(
        query, tenant: lake.binding(1), deadline: deadline, resolve: resolve, output: sink)
      return nil
    } catch {
      return Failure(error)
    }
  }

  /// 0 when tenant 1's worker managed the operation, else the errno value.
  func probe(_ operation: String, _ path: String) async throws -> Int32 {
    try await pool.probe(
      operation, path: path, tenant: lake.binding(1),
      deadline: SystemMonotonicClock().now.advanced(byMs: Self.patienceMs))
  }

  /// Returns once the pool's counts are as wanted; the test's own time limit bounds it.
  func waitUntil(_ condition: (WorkerPoolStatistics) -> Bool) async {
    while !condition(pool.statistics) {
      try? await Task.sleep(for: .milliseconds(5))
    }
  }

  func expectRefused(
    _ operation: String, _ path: String, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let errorNumber = try await probe(operation, path)
    #expect(errorNumber != 0, "\(operation) \(path)", sourceLocation: sourceLocation)
  }

  /// The failure's class, or nil when the statement answered.
  func failure(
    of sql: String, tenant: Int64 = 1, timeoutMs: Int = Self.patienceMs,
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
    case timedOut, lost, queueFull, cancelled, stopping, unresolved, refusedBySink
    case other(String)

    init(_ error: WorkerError) {
      switch error {
      case .failed(let failure): self = .query(failure.failure)
      case .timedOut: self = .timedOut
      case .workerLost: self = .lost
      case .queueFull: self = .queueFull
      case .cancelled: self = .cancelled
      case .stopping: self = .stopping
      case .resolution: self = .unresolved
      case .output: self = .refusedBySink
      case .unavailable(let reason): self = .other(reason)
      }
    }
  }
}
