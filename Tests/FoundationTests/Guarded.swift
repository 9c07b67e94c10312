import Runtime

/// State that several tasks of a test share. (A `Lock` cannot be captured by an escaping closure.)
final class Guarded<State: Sendable>: Sendable {
  private let lock: Lock<State>

  init(_ initial: State) {
    lock = Lock(initial)
  }

  var value: State { lock.withLock { $0 } }

  func withLock<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
    lock.withLock { body(&$0) }
  }
}
