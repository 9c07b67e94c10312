import Synchronization

/// The bytes of request bodies that all connections hold together, and the bound on them.
final class BodyBudget: Sendable {
  private let limitBytes: Int
  private let held = Atomic<Int>(0)

  init(limitBytes: Int) {
    self.limitBytes = limitBytes
  }

  var heldBytes: Int { held.load(ordering: .relaxed) }

  func hasRoom(for bytes: Int) -> Bool {
    bytes <= limitBytes - heldBytes
  }

  func reserve(_ bytes: Int) -> Bool {
    let after = held.add(bytes, ordering: .relaxed).newValue
    if after <= limitBytes { return true }
    held.subtract(bytes, ordering: .relaxed)
    return false
  }

  func release(_ bytes: Int) {
    if bytes > 0 { held.subtract(bytes, ordering: .relaxed) }
  }
}
