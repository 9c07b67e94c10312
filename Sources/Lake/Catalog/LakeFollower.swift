import Consistency
import Model
import Runtime

/// Takes what other processes commit, change and ask for to the parts of this process.
///
/// Two ways lead here. Signals come within milliseconds and may be lost; once a second, and at once
/// when some were lost, the catalog is asked for all that went on since the last answer.
///
/// **Invariant:** a watermark that is announced is committed. PostgreSQL delivers a notification
/// when the transaction that sent it has committed, and not at all when it has not, so the hint is
/// backed by the catalog; whoever it wakes reads the catalog afterwards, in a transaction that
/// begins later and therefore sees that commit, on whichever connection. What a waiter is answered
/// with is what it reads then, never the hint.
package final class LakeFollower: Service {
  /// What this process does with signals beyond passing on watermarks.
  package struct Handlers: Sendable {
    package var demanded: @Sendable (TenantID, VisibilityToken) -> Void
    /// Nil when tables of any tenant may have changed.
    package var tablesChanged: @Sendable (TenantID?) -> Void
    /// A coordinator somewhere has given tenants back.
    package var released: @Sendable () -> Void
    /// The catalog could not be asked; it is asked again.
    package var pollFailed: @Sendable (CatalogError) -> Void

    package init(
      demanded: @escaping @Sendable (TenantID, VisibilityToken) -> Void = { _, _ in },
      tablesChanged: @escaping @Sendable (TenantID?) -> Void = { _ in },
      released: @escaping @Sendable () -> Void = {},
      pollFailed: @escaping @Sendable (CatalogError) -> Void = { _ in }
    ) {
      self.demanded = demanded
      self.tablesChanged = tablesChanged
      self.released = released
      self.pollFailed = pollFailed
    }
  }

  package let name = "lake-follower"
  private let signals: any LakeSignals
  private let catalog: any SnapshotCatalog
  private let hub: VisibilityHub
  private let handlers: Handlers
  private let pollIntervalMs: Int
  private let clock: any MonotonicClock
  private let look = Notifier()
  /// Moved by answers of the catalog alone: a signal of a later commit says nothing of the ones
  /// between.
  private let newest: Lock<SnapshotID>

  /// - Parameter newest: what is read already.
  package init(
    signals: any LakeSignals, catalog: any SnapshotCatalog, hub: VisibilityHub,
    newest: SnapshotID = SnapshotID(0), handlers: Handlers, pollIntervalMs: Int = 1_000,
    clock: any MonotonicClock
  ) {
    self.newest = Lock(newest)
    self.signals = signals
    self.catalog = catalog
    self.hub = hub
    self.handlers = handlers
    self.pollIntervalMs = pollIntervalMs
    self.clock = clock
  }

  package func run(shutdown: Shutdown) async throws {
    shutdown.onRequest { [look] in look.notify() }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [self] in
        for await signal in signals.subscribe() { take(signal) }
      }
      while !Task.isCancelled, !shutdown.isRequested {
        await poll()
        let next = clock.now.advanced(byMs: pollIntervalMs)
        _ = await look.wait(until: next, on: clock)
      }
      group.cancelAll()
    }
  }

  private func take(_ signal: LakeSignal) {
    switch signal {
    case .committed(let tenants):
      hub.announce(
        tenants.map {
          ($0.tenant, BarrierState.Watermark(token: $0.watermark, snapshot: $0.snapshot))
        })
    case .demanded(let tenant, let token): handlers.demanded(tenant, token)
    case .tablesChanged(let tenant): handlers.tablesChanged(tenant)
    case .released: handlers.released()
    case .missed:
      handlers.tablesChanged(nil)
      handlers.released()
      look.notify()
    }
  }

  private func poll() async {
    do throws(CatalogError) {
      let tenants = try await catalog.watermarks(after: newest.withLock { $0 })
      hub.announce(
        tenants.map {
          ($0.tenant, BarrierState.Watermark(token: $0.watermark, snapshot: $0.snapshot))
        })
      if let last = tenants.map(\.snapshot).max() {
        newest.withLock { $0 = max($0, last) }
      }
    } catch {
      handlers.pollFailed(error)
    }
    // Who waits longer than a round has perhaps not been heard.
    for (tenant, token) in hub.unmetDemands { signals.send(demand: tenant, token: token) }
  }
}
