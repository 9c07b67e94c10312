import Runtime

/// Whether a pool may try to connect: while a server is away one caller at a time tries it again,
/// after a growing pause, and all others fail at once with the newest reason.
///
/// A pure value; time comes in from outside.
package struct Reachability {
  package enum Decision: Equatable {
    case connect
    case refuse(PostgreSQLError)
  }

  private var failures = 0
  private var newestFailure = PostgreSQLError.unavailable(reason: "the server is away")
  private var retryAt = MonotonicInstant(nanoseconds: .min)
  private var isBeingTried = false

  package init() {}

  /// Asks to connect; a caller that may must say how it went.
  package mutating func mayConnect(at now: MonotonicInstant) -> Decision {
    guard failures > 0 else { return .connect }
    guard now >= retryAt, !isBeingTried else { return .refuse(newestFailure) }
    isBeingTried = true
    return .connect
  }

  package mutating func connected() {
    failures = 0
    isBeingTried = false
  }

  package mutating func failed(_ error: PostgreSQLError, at now: MonotonicInstant, backoff: Backoff)
  {
    // Callers that tried together count as one failure: those behind the first find it noted.
    if failures == 0 || isBeingTried { failures += 1 }
    isBeingTried = false
    newestFailure = error
    retryAt = now.advanced(by: backoff.delay(afterAttempt: failures))
  }
}
