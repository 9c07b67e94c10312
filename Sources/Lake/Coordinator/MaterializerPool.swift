import DuckDB
import Model
import Runtime

/// The engine that writes the lake: a bounded number of materialisers on threads of their own.
///
/// There are two instances of it. One has as many threads as a statement may use. In the other a
/// statement runs on the thread that asks for it: for a few rows, handing tasks to other threads
/// and waiting for them costs more than the tasks do.
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

  /// What a piece of work is to the engine.
  package enum WorkSize: Sendable {
    /// A few thousand rows at most, of no more bytes and columns than a small part of the memory
    /// holds. What the engine for it cannot do all the same, the other one does.
    case small
    /// The same, but whoever asks has another way if it fails.
    case smallOnly
    case any

    /// What is small writes no more columns to a file, nested ones counted by what is in them: the
    /// writer keeps a dictionary for each, of a megabyte if it is of texts, for however few rows.
    package static let smallColumns = 128
  }

  package let concurrency: Int
  private let general: MaterializerEngine
  private let small: MaterializerEngine
  private let executor: BlockingExecutor

  package init(options: Options) throws {
    concurrency = options.concurrency
    general = MaterializerEngine(options)
    var small = options
    small.threads = 1
    small.memoryLimitBytes /= 4
    // The names of an instance's temporary files are its own only within its folder.
    small.temporaryFolder += "-small"
    self.small = MaterializerEngine(small)
    // An engine that cannot be opened is told of at the start; the other is opened when need be.
    try self.small.open()
    executor = try BlockingExecutor(
      name: "materializer", threadCount: options.concurrency + 1, queueLimit: 64)
  }

  private func engine(for size: WorkSize) -> MaterializerEngine {
    switch size {
    case .small, .smallOnly: small
    case .any: general
    }
  }

  /// Runs `body` with a materialiser of its own, off the cooperative pool.
  func run<Value: Sendable>(
    _ size: WorkSize = .any,
    _ body: @escaping @Sendable (Materializer) throws(EnvironmentFailure) -> Value
  ) async throws(EnvironmentFailure) -> Value {
    let result: Result<Value, EnvironmentFailure>
    do {
      let engine = engine(for: size)
      result = try await executor.result { () throws(EnvironmentFailure) -> Value in
        try engine.withMaterializer(body)
      }
    } catch {
      throw .engine("the materialiser's queue refused the batch: \(error)")
    }
    if size == .small, case .failure(.engine) = result { return try await run(.any, body) }
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
    _ size: WorkSize = .any,
    _ body: @escaping @Sendable (DuckDBConnection) throws(DuckDBError) -> Value
  ) async throws(EnvironmentFailure) -> Value {
    let result: Result<Value, EnvironmentFailure>
    do {
      let engine = engine(for: size)
      result = try await executor.result { () throws(EnvironmentFailure) -> Value in
        try engine.withConnection(body)
      }
    } catch {
      throw .engine("the materialiser's queue refused the work: \(error)")
    }
    if size == .small, case .failure(.engine) = result {
      return try await withConnection(.any, body)
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
}
