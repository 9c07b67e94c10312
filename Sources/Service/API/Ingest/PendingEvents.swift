import Model
import Runtime

/// How many events wait for their snapshot, by tenant and in all: the bound on what is accepted.
///
/// With several processes it lags behind by as much as they are asked for: the bound is then passed
/// by what the others accept in that time.
package final class PendingEvents: Sendable {
  private struct Progress {
    var head: Int64
    var watermark: Int64
    /// Whether the watermark was read or announced, and is not merely the lowest possible harm.
    var isKnown = true

    var pending: Int64 { max(0, head - watermark) }
  }

  private struct State {
    var tenants: [TenantID: Progress] = [:]
    var total: Int64 = 0

    mutating func change(_ tenant: TenantID, _ initial: Progress, _ body: (inout Progress) -> Void)
    {
      var progress = tenants[tenant] ?? initial
      total -= tenants[tenant]?.pending ?? 0
      body(&progress)
      total += progress.pending
      tenants[tenant] = progress
    }
  }

  private let state = Lock(State())
  private let perTenant: Int64
  private let inAll: Int64
  private let isShared: Bool

  /// - Parameter isShared: whether other processes publish as well.
  package init(perTenant: Int, inAll: Int, isShared: Bool = false) {
    self.perTenant = Int64(perTenant)
    self.inAll = Int64(inAll)
    self.isShared = isShared
  }

  package func published(tenant: TenantID, head: VisibilityToken) {
    // Alone, every older tenant was learned at the start, so an unknown one begins at nothing. With
    // others it may have a history: until that is read, only what comes after counts.
    let initial = Progress(
      head: head.rawValue, watermark: isShared ? head.rawValue : 0, isKnown: !isShared)
    state.withLock { state in
      state.change(tenant, initial) { $0.head = max($0.head, head.rawValue) }
    }
  }

  package func visible(tenant: TenantID, watermark: VisibilityToken) {
    learn(tenant: tenant, head: watermark, watermark: watermark)
  }

  /// What is read from the catalog or the bus.
  package func learn(tenant: TenantID, head: VisibilityToken, watermark: VisibilityToken) {
    let initial = Progress(head: head.rawValue, watermark: watermark.rawValue)
    state.withLock { state in
      state.change(tenant, initial) { progress in
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
  func hasRoom(tenant: TenantID, for count: Int) -> Bool {
    state.withLock { state in
      let pending = state.tenants[tenant]?.pending ?? 0
      return pending + Int64(count) <= perTenant && state.total + Int64(count) <= inAll
    }
  }
}
