import Consistency
import Model
import Runtime

/// Where those wait who want a token to be visible, and where commits are announced.
///
/// It holds what the commits of this process, or what is read from the catalog, have told it; the
/// catalog is the truth. Waits are bounded in number and in time.
package final class VisibilityHub: Sendable {
  package enum Outcome: Sendable, Equatable {
    case visible(BarrierState.Watermark)
    case timedOut
    /// Too many waiters; the caller answers that it is overloaded.
    case refused
    case cancelled
  }

  private struct State {
    var barrier: BarrierState
    var waiters: [BarrierState.WaiterID: OneShot<Outcome>] = [:]
    var demandHandlers: [@Sendable (TenantID, VisibilityToken) -> Void] = []
    var visibleHandlers: [@Sendable (TenantID, BarrierState.Watermark) -> Void] = []

    func isNews(_ watermark: BarrierState.Watermark, of tenant: TenantID) -> Bool {
      guard let known = barrier.watermark(of: tenant) else { return true }
      return known.token < watermark.token
    }
  }

  private let state: Lock<State>
  private let clock: any MonotonicClock

  package init(waiterLimit: Int, clock: any MonotonicClock) {
    state = Lock(State(barrier: BarrierState(waiterLimit: waiterLimit)))
    self.clock = clock
  }

  /// Registers who must hear that somebody waits (the coordinator of this process).
  package func onDemand(_ handler: @escaping @Sendable (TenantID, VisibilityToken) -> Void) {
    state.withLock { $0.demandHandlers.append(handler) }
  }

  /// Registers who must hear of every watermark, once: a commit is announced by who made it, by
  /// its signal, and whenever the catalog is looked at.
  package func onVisible(
    _ handler: @escaping @Sendable (TenantID, BarrierState.Watermark) -> Void
  ) {
    state.withLock { $0.visibleHandlers.append(handler) }
  }

  package func watermark(of tenant: TenantID) -> BarrierState.Watermark? {
    state.withLock { $0.barrier.watermark(of: tenant) }
  }

  /// What is waited for at this moment and not visible yet, the highest token of each tenant.
  package var unmetDemands: [(tenant: TenantID, token: VisibilityToken)] {
    state.withLock { $0.barrier.unmetDemands }
  }

  package var waiterCount: Int { state.withLock { $0.barrier.waiterCount } }

  /// Tells the waiters of committed watermarks.
  package func announce(_ watermarks: [(tenant: TenantID, watermark: BarrierState.Watermark)]) {
    typealias Handler = @Sendable (TenantID, BarrierState.Watermark) -> Void
    var released: [(OneShot<Outcome>, BarrierState.Watermark)] = []
    var news: [(tenant: TenantID, watermark: BarrierState.Watermark)] = []
    let handlers: [Handler] = state.withLock { state in
      for (tenant, watermark) in watermarks {
        if state.isNews(watermark, of: tenant) { news.append((tenant, watermark)) }
        for waiter in state.barrier.advance(tenant: tenant, to: watermark) {
          if let parked = state.waiters.removeValue(forKey: waiter) {
            released.append((parked, watermark))
          }
        }
      }
      return state.visibleHandlers
    }
    for (tenant, watermark) in news {
      for handler in handlers { handler(tenant, watermark) }
    }
    for (waiter, watermark) in released { waiter.decide(.visible(watermark)) }
  }

  /// Tells whoever commits that dead letters of a tenant are asked for: a demand for no token.
  package func demandReplays(of tenant: TenantID) {
    for handler in state.withLock({ $0.demandHandlers }) { handler(tenant, .none) }
  }

  /// Waits until a snapshot holds the tenant's event with `token`.
  package func wait(
    tenant: TenantID, token: VisibilityToken, timeoutMs: Int
  ) async -> Outcome {
    let waiter = OneShot<Outcome>()
    let (arrival, handlers): (BarrierState.Arrival, [@Sendable (TenantID, VisibilityToken) -> Void])
    (arrival, handlers) = state.withLock { state in
      let arrival = state.barrier.arrive(tenant: tenant, token: token)
      if case .parked(let id, _) = arrival { state.waiters[id] = waiter }
      return (arrival, state.demandHandlers)
    }
    switch arrival {
    case .alreadyVisible(let watermark): return .visible(watermark)
    case .refused: return .refused
    case .parked(let id, let isFirstDemand):
      if isFirstDemand {
        for handler in handlers { handler(tenant, token) }
      }
      let outcome = await waiter.value(
        until: clock.now.advanced(byMs: timeoutMs), on: clock, onDeadline: .timedOut,
        onCancel: .cancelled)
      if case .visible = outcome { return outcome }
      state.withLock { state in
        state.waiters[id] = nil
        _ = state.barrier.leave(id)
      }
      return outcome
    }
  }
}
