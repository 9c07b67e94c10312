import Runtime

/// How many tasks still run.
final class Countdown: Sendable {
  private let left: Lock<Int>
  init(_ count: Int) { left = Lock(count) }
  func finish() { left.withLock { $0 -= 1 } }
  var isRunning: Bool { left.withLock { $0 } > 0 }
}
