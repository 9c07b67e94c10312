import Catalog
import Consistency
import Model
import Runtime

/// What the coordinator is told by other processes, as hints: the bus is asked as well.
extension Coordinator {
  /// Somebody in some process waits for a token that was issued, perhaps by another process: so
  /// there is something to claim even if nobody has told us of its publishing.
  package func demanded(tenant: TenantID, token: VisibilityToken) {
    // No token at all: dead letters are what is asked for.
    guard token > .none else { return replaysWanted(tenant: tenant) }
    if let visible = hub.watermark(of: tenant)?.token, visible >= token { return }
    let now = instant
    state.withLock { state in
      state.schedule.published(tenant: tenant, head: token, bytes: 0, now: now)
      state.schedule.demanded(tenant: tenant, token: token)
    }
    wakeUp.notify()
  }

  /// Whether this coordinator has the tenant's lease, as far as it knows.
  package func holds(_ tenant: TenantID) -> Bool {
    let now = instant
    return state.withLock { $0.share.holds(tenant, now: now) }
  }

  /// A commit became known, perhaps another coordinator's.
  package func committed(tenant: TenantID, watermark: BarrierState.Watermark) {
    let now = instant
    state.withLock { state in
      // A flight of ours settles its tenants itself, or finds that it has lost them.
      guard state.inFlight[tenant] == nil else { return }
      state.schedule.committed(tenant: tenant, watermark: watermark.token, now: now)
      state.share.committedElsewhere(
        tenant, until: now.adding(milliseconds: options.leaseMs / 2))
    }
  }

  /// Another coordinator has given tenants back: their events need not wait for the next look.
  package func released() {
    state.withLock { $0.share.anyMayBeFree() }
    look.notify()
    wakeUp.notify()
  }
}
