import Model
import Runtime

/// How many events wait for their snapshot, by tenant and in all: the bound on what is accepted.
package final class PendingEvents: Sendable {
  private struct State {
    var heads: [TenantID: Int64] = [:]
    var watermarks: [TenantID: Int64] = [:]
    var total: Int64 = 0
  }

  private let state = Lock(State())
  private let perTenant: Int64
  private let inAll: Int64

  package init(perTenant: Int, inAll: Int) {
    self.perTenant = Int64(perTenant)
    self.inAll = Int64(inAll)
  }

  package func published(tenant: TenantID, head: VisibilityToken) {
    state.withLock { state in
      // Every older tenant was learned at the start, so an unknown one begins at nothing.
      let known = state.heads[tenant] ?? 0
      state.total += max(0, head.rawValue - known)
      state.heads[tenant] = max(known, head.rawValue)
    }
  }

  package func visible(tenant: TenantID, watermark: VisibilityToken) {
    state.withLock { state in
      let known = state.watermarks[tenant] ?? 0
      state.total -= max(0, watermark.rawValue - known)
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
  func hasRoom(tenant: TenantID, for count: Int) -> Bool {
    state.withLock { state in
      let pending = (state.heads[tenant] ?? 0) - (state.watermarks[tenant] ?? 0)
      return pending + Int64(count) <= perTenant && state.total + Int64(count) <= inAll
    }
  }
}
