import Model
import Runtime

/// Holds each tenant to the configured rates, in this process.
///
/// A rate of 0 is no limit. Tenants are known by name, since a request is judged by its head,
/// before anything is looked up; only names that a credential or the open server's rules let
/// through come here. Buckets that are full again are forgotten.
package final class RateLimiter: Sendable {
  package enum Kind: Int, CaseIterable, Sendable {
    case requests, events, bytes
  }

  private struct Buckets {
    /// By `Kind.rawValue`; nil where there is no limit.
    var buckets: [RateBucket?]
  }

  private struct State {
    var tenants: [String: Buckets] = [:]
    var sweepAt = 1_024
  }

  private let state = Lock(State())
  private let rates: [Double]
  private let burstSeconds: Double
  private let clock: any MonotonicClock
  package let isUnlimited: Bool

  package init(_ limits: Limits.Rates, clock: any MonotonicClock) {
    rates = [limits.requestsPerSecond, limits.eventsPerSecond, limits.ingestBytesPerSecond]
      .map(Double.init)
    burstSeconds = Double(limits.burstMs) / 1_000
    isUnlimited = rates.allSatisfy { $0 == 0 }
    self.clock = clock
  }

  /// Lets a request in or says for how long not; one that is let in counts as a request.
  package func admit(tenant: String, checking kinds: [Kind]) -> Duration? {
    guard !isUnlimited else { return nil }
    let now = clock.now
    return withBuckets(of: tenant, now: now) { buckets in
      var longest: Duration?
      for kind in kinds {
        if let delay = buckets[kind.rawValue]?.delay(now: now) {
          longest = max(longest ?? .zero, delay)
        }
      }
      if longest == nil { buckets[Kind.requests.rawValue]?.charge(1, now: now) }
      return longest
    }
  }

  /// Counts what an admitted request has brought.
  package func charge(tenant: String, events: Int, bytes: Int) {
    guard !isUnlimited else { return }
    let now = clock.now
    withBuckets(of: tenant, now: now) { buckets in
      buckets[Kind.events.rawValue]?.charge(Double(events), now: now)
      buckets[Kind.bytes.rawValue]?.charge(Double(bytes), now: now)
    }
  }

  private func withBuckets<Value>(
    of tenant: String, now: MonotonicInstant, _ body: (inout [RateBucket?]) -> Value
  ) -> Value {
    state.withLock { state in
      if state.tenants.count >= state.sweepAt { Self.sweep(&state, now) }
      var known =
        state.tenants[tenant]
        ?? Buckets(
          buckets: rates.map { rate in
            rate == 0 ? nil : RateBucket(rate: rate, burst: max(1, rate * burstSeconds), now: now)
          })
      let value = body(&known.buckets)
      state.tenants[tenant] = known
      return value
    }
  }

  private static func sweep(_ state: inout State, _ now: MonotonicInstant) {
    for (name, known) in state.tenants {
      let isUnused = known.buckets.allSatisfy { bucket in
        var bucket = bucket
        return bucket?.isFull(now: now) ?? true
      }
      if isUnused { state.tenants[name] = nil }
    }
    // Those left are in use; the next sweep is worth its while only when there are many more.
    state.sweepAt = max(1_024, state.tenants.count * 2)
  }
}
