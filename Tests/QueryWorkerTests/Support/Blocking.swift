import Runtime

/// Runs calls that block, such as the engine's, away from the few threads that tests share.
enum Blocking {
  private static let executor = Result {
    try BlockingExecutor(name: "test-blocking", threadCount: 2, queueLimit: 1_000)
  }

  static func run<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await executor.get().run(body)
  }
}
