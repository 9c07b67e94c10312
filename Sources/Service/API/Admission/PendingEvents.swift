import Model
import Runtime

/// How many events wait for their snapshot, by tenant and in all: the bound on what is accepted.
package final class PendingEvents: Sendable {
  /// Whether more may be accepted.
  package enum Admission: Equatable, Sendable {
    case admitted
    /// There should be room after that many seconds, at the rate at which events became visible of
    /// late.
    case refused(isTenantsOwn: Bool, retryAfterSeconds: Int)
  }

  private struct State {
    var drain = DrainRate()
    var drainOfTenant: [TenantID: DrainRate] = [:]
    var heads: [TenantID: Int64] = [:]
    var watermarks: [TenantID: Int64] = [:]
    var total: Int64 = 0
  }

  private let state = Lock(State())
  private let perTenant: Int64
  private let inAll: Int64
  private let clock: any MonotonicClock

  package init(perTenant: Int, inAll: Int, clock: any MonotonicClock) {
    self.clock = clock
    self.perTenant = Int64(perTenant)
    self.inAll = Int64(inAll)
  }

  package func published(tenant: TenantID, head: VisibilityToken) {
    let now = clock.now
    state.withLock { state in
      // Every older tenant was learned at the start, so an unknown one begins at nothing.
      let known = state.heads[tenant] ?? 0
      if state.total == 0 { state.drain.began(now: now) }
      if known == state.watermarks[tenant] ?? 0 {
        state.drainOfTenant[tenant, default: DrainRate()].began(now: now)
      }
      state.total += max(0, head.rawValue - known)
      state.heads[tenant] = max(known, head.rawValue)
    }
  }

  package func visible(tenant: TenantID, watermark: VisibilityToken) {
    let now = clock.now
    state.withLock { state in
      let known = state.watermarks[tenant] ?? 0
      let count = max(0, watermark.rawValue - known)
      state.total -= count
      state.drain.left(count, now: now)
      state.drainOfTenant[tenant, default: DrainRate()].left(count, now: now)
      state.watermarks[tenant] = max(known, watermark.rawValue)
    }
  }

  /// What a starting process reads from the catalog.
  package func learn(tenant: TenantID, head: VisibilityToken, watermark: VisibilityToken) {
    state.withLock { state in
      state.heads[tenant] = head.rawValue
      state.watermarks[tenant] = watermark.rawValue
      state.total += head.rawValue - watermark.rawValue
    }
  }

  /// Whether that many more may be accepted now.
  package func admit(tenant: TenantID, _ count: Int) -> Admission {
    state.withLock { state in
      let pending = (state.heads[tenant] ?? 0) - (state.watermarks[tenant] ?? 0)
      let excess = pending + Int64(count) - perTenant
      let excessInAll = state.total + Int64(count) - inAll
      if excess > 0 {
        let drain = state.drainOfTenant[tenant] ?? DrainRate()
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
