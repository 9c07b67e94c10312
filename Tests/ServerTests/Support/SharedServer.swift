import Testing

/// Runs all tests of a suite against one server, each as a tenant of its own.
struct SharedServer: SuiteTrait, TestScoping {
  @TaskLocal static var current: ServerProcess?

  let settings: [String: String]
  var isRecursive: Bool { false }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    try await ServerProcess.with(settings) { server in
      try await Self.$current.withValue(server) { try await function() }
    }
  }
}

extension Trait where Self == SharedServer {
  /// One server for the whole suite.
  static func sharedServer(_ settings: [String: String] = [:]) -> Self {
    SharedServer(settings: settings)
  }
}

extension ServerProcess {
  /// The server of the suite.
  static var shared: ServerProcess {
    get throws { try #require(SharedServer.current, "the suite has no shared server") }
  }
}
