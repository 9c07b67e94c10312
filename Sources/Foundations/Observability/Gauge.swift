import Synchronization

/// A metric that goes up and down. Safe and cheap from any thread.
package final class Gauge: Sendable {
  private let bits = Atomic<UInt64>(0)

  package func set(_ value: Double) {
    bits.store(value.bitPattern, ordering: .relaxed)
  }

  package func set(_ value: some BinaryInteger) {
    set(Double(value))
  }

  package func add(_ amount: Double) {
    bits.add(amount)
  }

  package var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}

extension Atomic<UInt64> {
  /// Adds to the Double whose bit pattern is stored.
  func add(_ amount: Double) {
    var old = load(ordering: .relaxed)
    while true {
      let sum = (Double(bitPattern: old) + amount).bitPattern
      let (exchanged, current) = weakCompareExchange(
        expected: old, desired: sum, ordering: .relaxed)
      if exchanged { return }
      old = current
    }
  }
}
