import DuckDB
import Model
import Runtime

/// The engine that writes the lake: a bounded number of materialisers on threads of their own.
package final class MaterializerPool: Sendable {
  package struct Options: Sendable {
    package var concurrency: Int
    package var threads: Int
    package var memoryLimitBytes: Int
    package var temporaryFolder: String

    package init(
      concurrency: Int = 2, threads: Int = 2, memoryLimitBytes: Int = 1 << 30,
      temporaryFolder: String
    ) {
      self.concurrency = concurrency
      self.threads = threads
      self.memoryLimitBytes = memoryLimitBytes
      self.temporaryFolder = temporaryFolder
    }
  }

  package let concurrency: Int
  private let options: Options
  private let instance: Lock<DuckDBInstance>
  private let executor: BlockingExecutor
  private let idle = Lock<[Materializer]>([])

  package init(options: Options) throws {
    concurrency = options.concurrency
    self.options = options
    instance = Lock(try Self.open(options))
    executor = try BlockingExecutor(
      name: "materializer", threadCount: options.concurrency + 1, queueLimit: 64)
  }

  /// Runs `body` with a materialiser of its own, off the cooperative pool.
  func run<Value: Sendable>(
    _ body: @escaping @Sendable (Materializer) throws(EnvironmentFailure) -> Value
  ) async throws(EnvironmentFailure) -> Value {
    let result: Result<Value, EnvironmentFailure>
    do {
      result = try await executor.result { [self] () throws(EnvironmentFailure) -> Value in
        let materializer = try take()
        do throws(EnvironmentFailure) {
          let value = try body(materializer)
          // Kept only after a success: a connection that has failed is not trusted again.
          idle.withLock { $0.append(materializer) }
          return value
        } catch {
          replaceInvalidInstance()
          throw error
        }
      }
    } catch {
      throw .engine("the materialiser's queue refused the batch: \(error)")
    }
    return try result.get()
  }

  /// Runs small blocking work on one of the materialisers' threads.
  ///
  /// - Returns: nil when the queue refused it; the work was not done then.
  func runBlocking<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value? {
    try? await executor.result { () throws(Never) in body() }.get()
  }

  /// Runs `body` with a connection to the same engine (merges, integrity checks).
  package func withConnection<Value: Sendable>(
    _ body: @escaping @Sendable (DuckDBConnection) throws(DuckDBError) -> Value
  ) async throws(EnvironmentFailure) -> Value {
    let result: Result<Value, EnvironmentFailure>
    do {
      result = try await executor.result { [self] () throws(EnvironmentFailure) -> Value in
        do throws(DuckDBError) {
          return try body(instance.withLock { $0 }.connect())
        } catch {
          replaceInvalidInstance()
          throw .engine(error.message)
        }
      }
    } catch {
      throw .engine("the materialiser's queue refused the work: \(error)")
    }
    return try result.get()
  }

  static func open(_ options: Options) throws(DuckDBError) -> DuckDBInstance {
    let instance = try DuckDBInstance(
      DuckDBInstance.Options(
        threads: options.threads, memoryLimitBytes: options.memoryLimitBytes,
        settings: ["temp_directory": options.temporaryFolder]))
    try Partitioning.register(in: instance)
    return instance
  }

  /// After a fatal error an instance refuses every statement for good; a new one takes its place.
  private func replaceInvalidInstance() {
    let suspect = instance.withLock { $0 }
    if (try? suspect.connect().query("SELECT 1")) != nil { return }
    guard let fresh = try? Self.open(options) else { return }
    instance.withLock { current in
      if current === suspect { current = fresh }
    }
    idle.withLock { $0 = [] }
  }

  private func take() throws(EnvironmentFailure) -> Materializer {
    if let ready = idle.withLock({ $0.popLast() }) { return ready }
    do {
      return try Materializer(instance: instance.withLock { $0 })
    } catch {
      throw .engine(error.message)
    }
  }
}
