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
  private let instance: DuckDBInstance
  private let executor: BlockingExecutor
  private let idle = Lock<[Materializer]>([])

  package init(options: Options) throws {
    concurrency = options.concurrency
    instance = try DuckDBInstance(
      DuckDBInstance.Options(
        threads: options.threads, memoryLimitBytes: options.memoryLimitBytes,
        settings: ["temp_directory": options.temporaryFolder]))
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
        let value = try body(materializer)
        // Kept only after a success: a connection that has failed is not trusted again.
        idle.withLock { $0.append(materializer) }
        return value
      }
    } catch {
      throw .engine("the materialiser's queue refused the batch: \(error)")
    }
    return try result.get()
  }

  /// Runs `body` with a connection to the same engine (merges, integrity checks).
  package func withConnection<Value: Sendable>(
    _ body: @escaping @Sendable (DuckDBConnection) throws(DuckDBError) -> Value
  ) async throws(EnvironmentFailure) -> Value {
    let result: Result<Value, EnvironmentFailure>
    do {
      result = try await executor.result { [instance] () throws(EnvironmentFailure) -> Value in
        do throws(DuckDBError) {
          return try body(instance.connect())
        } catch {
          throw .engine(error.message)
        }
      }
    } catch {
      throw .engine("the materialiser's queue refused the work: \(error)")
    }
    return try result.get()
  }

  private func take() throws(EnvironmentFailure) -> Materializer {
    if let ready = idle.withLock({ $0.popLast() }) { return ready }
    do {
      return try Materializer(instance: instance)
    } catch {
      throw .engine(error.message)
    }
  }
}
