import Synchronization

/// A metric that only grows. Safe and cheap from any thread.
package final class Counter: Sendable {
  private let count = Atomic<UInt64>(0)

  package func increment(by amount: Int = 1) {
    precondition(amount >= 0, "a counter only grows")
    count.wrappingAdd(UInt64(amount), ordering: .relaxed)
  }

  package var value: UInt64 { count.load(ordering: .relaxed) }
}
