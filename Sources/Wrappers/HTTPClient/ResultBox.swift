import Synchronization

/// Carries one result from the client's thread to a thread that waits for it.
final class ResultBox: Sendable {
  private let result = Mutex<Transfer.Outcome>(.failure(.closed))

  func set(_ outcome: Transfer.Outcome) {
    result.withLock { $0 = outcome }
  }

  func take() -> Transfer.Outcome {
    result.withLock { $0 }
  }
}
