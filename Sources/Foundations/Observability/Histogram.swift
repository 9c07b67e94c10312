import Synchronization

/// Counts observations in fixed buckets. Safe and cheap from any thread.
package final class Histogram: Sendable {
  /// Upper bounds, ascending; a bucket holds what is at most its bound.
  package let bounds: [Double]
  /// One for each bound and one for what is above all of them; not cumulative.
  private let buckets: [Counter]
  private let sum = Atomic<UInt64>(0)

  package init(bounds: [Double]) {
    precondition(!bounds.isEmpty && zip(bounds, bounds.dropFirst()).allSatisfy(<))
    self.bounds = bounds
    buckets = (0...bounds.count).map { _ in Counter() }
  }

  /// Counts a value; what is not a number is ignored, as it would spoil the sum for ever.
  package func observe(_ value: Double) {
    guard !value.isNaN else { return }
    var low = 0
    var high = bounds.count
    while low < high {
      let middle = (low + high) / 2
      if value <= bounds[middle] { high = middle } else { low = middle + 1 }
    }
    buckets[low].increment()
    sum.add(value)
  }

  package func observe(_ value: some BinaryInteger) {
    observe(Double(value))
  }

  /// Counts for the bounds and infinity, each including those below it, and the sum.
  ///
  /// Taken while others observe, so the sum may be of some observations more or less; the counts
  /// are consistent among themselves.
  package func snapshot() -> (cumulativeCounts: [UInt64], sum: Double) {
    var total: UInt64 = 0
    let counts = buckets.map { bucket in
      total += bucket.value
      return total
    }
    return (counts, Double(bitPattern: sum.load(ordering: .relaxed)))
  }
}
