import Model

/// Who waits for which token of which tenant, and who is released by a new watermark.
///
/// Invariant: a waiter is released as visible only with a watermark at or above its token, and a
/// tenant's watermark never goes back.
package struct BarrierState: Sendable {
  package struct WaiterID: Hashable, Sendable {
    let rawValue: UInt64
  }

  package struct Watermark: Sendable, Equatable {
    package let token: VisibilityToken
    package let snapshot: SnapshotID
    package init(token: VisibilityToken, snapshot: SnapshotID) {
      self.token = token
      self.snapshot = snapshot
    }
  }

  package enum Arrival: Sendable, Equatable {
    case alreadyVisible(Watermark)
    /// The caller parks; `isFirstDemand` says that nobody has asked for this token or a later one
    /// yet, so the coordinator must be told.
    case parked(WaiterID, isFirstDemand: Bool)
    /// The bound on waiters is reached.
    case refused
  }

  private struct TenantWaiters {
    var watermark: Watermark?
    var waiters: [WaiterID: VisibilityToken] = [:]
    var demanded = VisibilityToken.none
  }

  private var tenants: [TenantID: TenantWaiters] = [:]
  private var tenantOfWaiter: [WaiterID: TenantID] = [:]
  private var nextWaiter: UInt64 = 1
  private let limit: Int

  package init(waiterLimit: Int) { limit = waiterLimit }

  package var waiterCount: Int { tenantOfWaiter.count }

  package func watermark(of tenant: TenantID) -> Watermark? { tenants[tenant]?.watermark }

  /// The highest token that somebody has asked for, beyond the watermark.
  package func demand(of tenant: TenantID) -> VisibilityToken? {
    guard let state = tenants[tenant],
      state.demanded > (state.watermark?.token ?? .none)
    else { return nil }
    return state.demanded
  }

  /// What the waiters ask for, the highest token of each tenant.
  package var unmetDemands: [(tenant: TenantID, token: VisibilityToken)] {
    Set(tenantOfWaiter.values).compactMap { tenant in
      demand(of: tenant).map { (tenant, $0) }
    }
  }

  package mutating func arrive(tenant: TenantID, token: VisibilityToken) -> Arrival {
    var state = tenants[tenant] ?? TenantWaiters()
    if let watermark = state.watermark, watermark.token >= token {
      return .alreadyVisible(watermark)
    }
    guard tenantOfWaiter.count < limit else { return .refused }
    let waiter = WaiterID(rawValue: nextWaiter)
    nextWaiter += 1
    let isFirst = token > state.demanded
    state.demanded = max(state.demanded, token)
    state.waiters[waiter] = token
    tenants[tenant] = state
    tenantOfWaiter[waiter] = tenant
    return .parked(waiter, isFirstDemand: isFirst)
  }

  /// Takes in a committed watermark; a lower one than known changes nothing.
  ///
  /// - Returns: the waiters whose token it reaches.
  package mutating func advance(tenant: TenantID, to watermark: Watermark) -> [WaiterID] {
    var state = tenants[tenant] ?? TenantWaiters()
    if let known = state.watermark,
      (known.token, known.snapshot) >= (watermark.token, watermark.snapshot)
    {
      return []
    }
    state.watermark = watermark
    let released = state.waiters.filter { $0.value <= watermark.token }.map(\.key)
    for waiter in released {
      state.waiters[waiter] = nil
      tenantOfWaiter[waiter] = nil
    }
    tenants[tenant] = state
    return released
  }

  /// Forgets a waiter that gave up.
  ///
  /// - Returns: false when it had been released already.
  package mutating func leave(_ waiter: WaiterID) -> Bool {
    guard let tenant = tenantOfWaiter.removeValue(forKey: waiter) else { return false }
    tenants[tenant]?.waiters[waiter] = nil
    // Nobody waits any more: whoever comes next asks anew, also for an earlier token.
    if tenants[tenant]?.waiters.isEmpty == true { tenants[tenant]?.demanded = .none }
    return true
  }
}
