import Runtime

/// The one view that all connections of a pool have of their server.
final class SharedReachability: Sendable {
  private let state = Lock(Reachability())

  func mayConnect() -> Reachability.Decision {
    let now = SystemMonotonicClock().now
    return state.withLock { $0.mayConnect(at: now) }
  }

  func connected() {
    state.withLock { $0.connected() }
  }

  func failed(_ error: PostgreSQLError, backoff: Backoff) {
    let now = SystemMonotonicClock().now
    state.withLock { $0.failed(error, at: now, backoff: backoff) }
  }
}
