/// Something long-lived that a `ServiceGroup` starts, runs and stops.
package protocol Service: Sendable {
  /// Names the service in logs and failures; unique in its group.
  var name: String { get }

  /// Gets ready what the services after this one rely on (a bound port, an open file). They start
  /// once this has returned. Once it has returned without an error, `run` is called in any case,
  /// and owns what was made ready.
  func start(shutdown: Shutdown) async throws

  /// Works until the shutdown is requested, then finishes what it holds and returns. Returning
  /// before that counts as a failure. A cancelled task must return at once.
  func run(shutdown: Shutdown) async throws
}

extension Service {
  package func start(shutdown: Shutdown) async throws {}
}

/// A service made from a closure.
package struct ClosureService: Service {
  package let name: String
  private let body: @Sendable (Shutdown) async throws -> Void

  package init(name: String, body: @escaping @Sendable (Shutdown) async throws -> Void) {
    self.name = name
    self.body = body
  }

  package func run(shutdown: Shutdown) async throws {
    try await body(shutdown)
  }
}
