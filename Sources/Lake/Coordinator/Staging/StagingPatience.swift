import Runtime

/// How long a staging child may keep the server waiting: with one exchange, and with all together.
///
/// What the server waits for the client does not count, so a slow body does not use it up.
package struct StagingPatience {
  private var left: Duration

  package init(totalSeconds: Int) { left = .seconds(totalSeconds) }

  /// When an exchange that begins now must be over.
  package func deadline(
    atMostSeconds seconds: Int, from now: MonotonicInstant
  ) -> MonotonicInstant {
    now.advanced(by: min(.seconds(seconds), left))
  }

  /// An exchange has taken so long.
  package mutating func spend(_ time: Duration) { left = max(.zero, left - max(.zero, time)) }
}
