import Runtime

/// How fast a queue empties while it has something in it: an average that weighs the last seconds
/// most.
package struct DrainRate: Sendable {
  /// Over about this time an old rate is forgotten.
  private static let memorySeconds = 5.0

  private var perSecond: Double?
  private var last: MonotonicInstant?
  /// What left since the last measurement.
  private var uncounted = 0.0

  package init() {}

  /// The queue was empty and is not any more: the time before says nothing of its rate.
  package mutating func began(now: MonotonicInstant) {
    last = now
    uncounted = 0
  }

  /// That many have left the queue.
  package mutating func left(_ count: Int64, now: MonotonicInstant) {
    guard let last else {
      self.last = now
      return
    }
    uncounted += Double(count)
    let seconds = (now - last).milliseconds / 1_000
    // Shorter spans say more of how the words are bunched than of the rate.
    guard seconds >= 0.05 else { return }
    let rate = uncounted / seconds
    let known = perSecond ?? rate
    perSecond = known + (rate - known) * min(1, seconds / Self.memorySeconds)
    uncounted = 0
    self.last = now
  }

  /// Whole seconds until `count` have left, within what a client should be told.
  package func secondsUntil(_ count: Int64, longest: Int = 60) -> Int {
    guard count > 0 else { return 1 }
    // Nothing has left yet: nobody knows.
    guard let perSecond else { return 5 }
    guard perSecond > 0 else { return longest }
    return max(1, Int(min(Double(longest), (Double(count) / perSecond).rounded(.up))))
  }
}
