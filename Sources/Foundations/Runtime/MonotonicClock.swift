import Glibc

/// A point of time that never goes back, counted in nanoseconds from an arbitrary start.
package struct MonotonicInstant: Comparable, Hashable, Sendable {
  package let nanoseconds: Int64

  package init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  /// The deadline that never comes.
  package static let distantFuture = MonotonicInstant(nanoseconds: .max)

  package static func < (left: MonotonicInstant, right: MonotonicInstant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  /// The time from `right` to `left`.
  package static func - (left: MonotonicInstant, right: MonotonicInstant) -> Duration {
    let (difference, overflow) = left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
    return .nanoseconds(overflow ? (left > right ? .max : .min) : difference)
  }

  /// The instant that much later (earlier if negative); saturates instead of overflowing.
  package func advanced(by duration: Duration) -> MonotonicInstant {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.saturatedNanoseconds)
    guard overflow else { return MonotonicInstant(nanoseconds: sum) }
    return MonotonicInstant(nanoseconds: duration < .zero ? .min : .max)
  }

  /// The instant that many milliseconds later.
  package func advanced(byMs milliseconds: Int) -> MonotonicInstant {
    advanced(by: .milliseconds(milliseconds))
  }
}

extension Duration {
  /// The whole nanoseconds, held to what 64 bits can say.
  package var saturatedNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (scaled, scaleOverflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, sumOverflow) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
    guard scaleOverflow || sumOverflow else { return sum }
    return seconds < 0 ? .min : .max
  }

  /// Milliseconds with their fraction, for metrics and logs.
  package var milliseconds: Double {
    Double(saturatedNanoseconds) / 1_000_000
  }
}

/// The seam for elapsed time: leases, deadlines, intervals and back-off are all measured on it, so
/// that tests can move time by hand (`ManualClock`).
package protocol MonotonicClock: Sendable {
  var now: MonotonicInstant { get }

  /// Returns at or after the deadline.
  ///
  /// - Throws: `CancellationError` when the task is cancelled first.
  func sleep(until deadline: MonotonicInstant) async throws
}

extension MonotonicClock {
  /// Returns after the duration has passed.
  ///
  /// - Throws: `CancellationError` when the task is cancelled first.
  package func sleep(for duration: Duration) async throws {
    try await sleep(until: now.advanced(by: duration))
  }
}

/// The clock of the machine. It also counts the time during which the machine slept: a lease must
/// not look young after a laptop was closed for an hour.
package struct SystemMonotonicClock: MonotonicClock {
  package init() {}

  package var now: MonotonicInstant {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return MonotonicInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }

  package func sleep(until deadline: MonotonicInstant) async throws {
    // A timer of the system may fire early by a rounding (the contract is "at or after"), and
    // overflows on a deadline that never comes: so it sleeps in steps.
    while true {
      let remaining = deadline - now
      guard remaining > .zero else {
        try Task.checkCancellation()
        return
      }
      try await Task.sleep(for: min(remaining, Duration.seconds(86_400)), clock: .continuous)
    }
  }
}
