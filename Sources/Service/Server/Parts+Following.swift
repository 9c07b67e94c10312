import API
import Catalog
import Consistency
import Coordinator
import Model
import Observability
import Runtime

/// How the parts of a process learn of each other's work and of other processes'.
extension Parts {
  /// - Parameter newest: the snapshot from which on visibility is to be followed.
  /// - Returns: the services that do so; none where the process is alone, because then whoever
  ///   commits tells the hub itself.
  func followers(
    _ backends: Backends, api: APIServices, newest: SnapshotID, _ clock: any MonotonicClock,
    _ logger: Logger
  ) -> [any Service] {
    hub.onVisible { [pending] tenant, watermark in
      pending.visible(tenant: tenant, watermark: watermark.token)
    }
    guard let signals = backends.signals else { return [] }
    hub.onDemand { [coordinator] tenant, token in
      // Whoever holds the tenant has to hear of it. If that is us, nobody else needs to.
      if let coordinator, coordinator.holds(tenant) {
        coordinator.demanded(tenant: tenant, token: token)
      } else {
        signals.send(demand: tenant, token: token)
      }
    }
    if let coordinator {
      hub.onVisible { tenant, watermark in
        coordinator.committed(tenant: tenant, watermark: watermark)
      }
    }
    let handlers = LakeFollower.Handlers(
      demanded: { [coordinator] tenant, token in
        coordinator?.demanded(tenant: tenant, token: token)
      },
      tablesChanged: { tenant in api.tablesChanged(of: tenant) },
      released: { [coordinator] in coordinator?.released() },
      pollFailed: { error in
        logger.warning(
          "catalog not followed", errorCode: "CATALOG_UNAVAILABLE",
          [.detail: LogValue("\(error)")])
      })
    let follower = LakeFollower(
      signals: signals, catalog: backends.catalog, hub: hub, newest: newest, handlers: handlers,
      clock: clock)
    guard publisher != nil else { return [follower] }
    return [follower, BacklogFollower(bus: backends.bus, pending: pending, clock: clock)]
  }
}
