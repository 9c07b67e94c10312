import Runtime

/// Whether the process has begun to stop: it says that it is not ready before it is not.
package final class Drain: Sendable {
  private let hasBegun = Lock(false)

  package var isUnderWay: Bool { hasBegun.withLock { $0 } }

  package func begin() { hasBegun.withLock { $0 = true } }
}
