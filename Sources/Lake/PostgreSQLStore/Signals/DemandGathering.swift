import Model
import Runtime

/// Demands that wait to be sent: one a tenant, the highest token.
final class DemandGathering: Sendable {
  private let waiting = Lock<[TenantID: VisibilityToken]>([:])
  private let notifier = Notifier()

  /// Tenants whose demands wait; the demand of one more is dropped, and its waiter is served at
  /// the ordinary flush interval.
  private static let tenantLimit = 10_000

  func add(_ tenant: TenantID, _ token: VisibilityToken) {
    let isFirst = waiting.withLock { waiting in
      let isFirst = waiting.isEmpty
      if let known = waiting[tenant] {
        waiting[tenant] = max(known, token)
      } else if waiting.count < Self.tenantLimit {
        waiting[tenant] = token
      }
      return isFirst
    }
    if isFirst { notifier.notify() }
  }

  /// Waits until there may be something to take; false when the task was cancelled.
  func wait() async -> Bool { await notifier.wait() }

  func wake() { notifier.notify() }

  /// Takes as many as one notification holds; when some are left the next `wait` returns at once.
  func take() -> [(tenant: TenantID, token: VisibilityToken)] {
    let (taken, isLeft): ([(tenant: TenantID, token: VisibilityToken)], Bool) =
      waiting.withLock { waiting in
        let taken = waiting.prefix(SignalPayload.demandLimit).map {
          (tenant: $0.key, token: $0.value)
        }
        for demand in taken { waiting[demand.tenant] = nil }
        return (taken, !waiting.isEmpty)
      }
    if isLeft { notifier.notify() }
    return taken
  }
}
