import Synchronization

/// Counts the requests being handled and bounds them.
final class RequestSlots: Sendable {
  private let limit: Int
  private let taken = Atomic<Int>(0)

  init(limit: Int) {
    self.limit = limit
  }

  var inUse: Int { taken.load(ordering: .acquiring) }

  func take() -> Bool {
    if taken.add(1, ordering: .relaxed).newValue <= limit { return true }
    taken.subtract(1, ordering: .relaxed)
    return false
  }

  func giveBack() {
    taken.subtract(1, ordering: .releasing)
  }
}
