import API
import IngestBus
import Runtime

/// Counts what other processes have accepted towards the bounds on pending events.
struct BacklogFollower: Service {
  let name = "backlog-follower"
  let bus: any IngestBus
  let pending: PendingEvents
  let clock: any MonotonicClock
  var intervalMs = 1_000

  func run(shutdown: Shutdown) async throws {
    repeat {
      // A bus that does not answer accepts nothing either, so there is nothing to be bounded.
      guard let backlog = try? await bus.backlog() else { continue }
      for tenant in backlog {
        pending.learn(tenant: tenant.tenant, head: tenant.head, watermark: tenant.watermark)
      }
    } while await !shutdown.wait(until: clock.now.advanced(byMs: intervalMs), on: clock)
      && !Task.isCancelled
  }
}
