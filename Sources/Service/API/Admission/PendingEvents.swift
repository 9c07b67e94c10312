import Model
import Runtime

/// How many events wait for their snapshot, by tenant and in all: the bound on what is accepted.
///
/// With several processes it lags behind by as much as they are asked for: the bound is then passed
/// by what the others accept in that time.
package final class PendingEvents: Sendable {
  /// Whether more may be accepted.
  package enum Admission: Equatable, Sendable {
    case admitted
    /// There should be room after that many seconds, at the rate at which events became visible of
    /// late.
    case refused(isTenantsOwn: Bool, retryAfterSeconds: Int)
  }

  private struct Progress {
    var head: Int64
    var watermark: Int64
    /// Whether the watermark was read or announced, and is not merely the lowest possible harm.
    var isKnown = true
    var drain = DrainRate()

    var pending: Int64 { max(0, head - watermark) }
  }

  private struct State {
    var drain = DrainRate()
    var tenants: [TenantID: Progress] = [:]
    var total: Int64 = 0

    mutating func change(
      _ tenant: TenantID, _ initial: Progress, now: MonotonicInstant,
      _ body: (inout Progress) -> Void
    ) {
      var progress = tenants[tenant] ?? initial
      let known = tenants[tenant]?.pending ?? 0
      let watermark = progress.watermark
      body(&progress)
      if known == 0, progress.pending > 0 { progress.drain.began(now: now) }
      if total == 0, progress.pending > 0 { drain.began(now: now) }
      let left = max(0, progress.watermark - watermark)
      if left > 0 {
        progress.drain.left(left, now: now)
        drain.left(left, now: now)
      }
      total += progress.pending - known
      tenants[tenant] = progress
    }
  }

  private let state = Lock(State())
  private let perTenant: Int64
  private let inAll: Int64
  private let isShared: Bool
  private let clock: any MonotonicClock

  /// - Parameter isShared: whether other processes publish as well.
  package init(perTenant: Int, inAll: Int, isShared: Bool = false, clock: any MonotonicClock) {
    self.perTenant = Int64(perTenant)
    self.inAll = Int64(inAll)
    self.isShared = isShared
    self.clock = clock
  }

  package func published(tenant: TenantID, head: VisibilityToken) {
    // Alone, every older tenant was learned at the start, so an unknown one begins at nothing. With
    // others it may have a history: until that is read, only what comes after counts.
    let initial = Progress(
      head: isShared ? head.rawValue : 0, watermark: isShared ? head.rawValue : 0,
      isKnown: !isShared)
    let now = clock.now
    state.withLock { state in
      state.change(tenant, initial, now: now) { $0.head = max($0.head, head.rawValue) }
    }
  }

  package func visible(tenant: TenantID, watermark: VisibilityToken) {
    learn(tenant: tenant, head: watermark, watermark: watermark)
  }

  /// What is read from the catalog or the bus.
  package func learn(tenant: TenantID, head: VisibilityToken, watermark: VisibilityToken) {
    let initial = Progress(head: watermark.rawValue, watermark: watermark.rawValue)
    let now = clock.now
    state.withLock { state in
      state.change(tenant, initial, now: now) { progress in
        progress.head = max(progress.head, head.rawValue)
        // Neither goes back, but a guess gives way.
        progress.watermark =
          progress.isKnown
          ? max(progress.watermark, watermark.rawValue) : watermark.rawValue
        progress.isKnown = true
      }
    }
  }

  /// Whether that many more may be accepted now.
  package func admit(tenant: TenantID, _ count: Int) -> Admission {
    state.withLock { state in
      let progress = state.tenants[tenant]
      let excess = (progress?.pending ?? 0) + Int64(count) - perTenant
      let excessInAll = state.total + Int64(count) - inAll
      if excess > 0 {
        let drain = progress?.drain ?? DrainRate()
        return .refused(isTenantsOwn: true, retryAfterSeconds: drain.secondsUntil(excess))
      }
      if excessInAll > 0 {
        return .refused(
          isTenantsOwn: false, retryAfterSeconds: state.drain.secondsUntil(excessInAll))
      }
      return .admitted
    }
  }
}
