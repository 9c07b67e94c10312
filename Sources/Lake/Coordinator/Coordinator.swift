import Catalog
import Consistency
import IngestBus
import Model
import ObjectStore
import Observability
import Runtime

/// Takes events from the bus into the lake.
///
/// A tenant that somebody waits for is taken at once, the others when the flush schedule says so.
/// Several flights are under way at a time, each with tenants of its own, so that a large batch of
/// one tenant does not hold up another's few events.
package final class Coordinator: Service {
  package struct Options: Sendable {
    package var flush: FlushSchedule.Options
    package var claim: ClaimLimit
    package var leaseMs: Int
    package var heartbeatMs: Int
    /// How often the bus is asked for what nobody has told us of.
    package var backlogIntervalMs: Int
    package var acknowledgeIntervalMs: Int
    package var backoff: Backoff

    package init(
      flush: FlushSchedule.Options = .init(), claim: ClaimLimit = ClaimLimit(),
      leaseMs: Int = 3_000, heartbeatMs: Int = 1_000, backlogIntervalMs: Int = 1_000,
      acknowledgeIntervalMs: Int = 500,
      backoff: Backoff = Backoff(initialMs: 100, maximumMs: 5_000)
    ) {
      self.flush = flush
      self.claim = claim
      self.leaseMs = leaseMs
      self.heartbeatMs = heartbeatMs
      self.backlogIntervalMs = backlogIntervalMs
      self.acknowledgeIntervalMs = acknowledgeIntervalMs
      self.backoff = backoff
    }
  }

  /// What the loop, the flights and the callers of `published` share.
  struct State {
    var schedule: FlushSchedule
    /// Tenants being materialised, with the head that was known when they were taken.
    var inFlight: [TenantID: VisibilityToken] = [:]
    var flying: Set<TenantID> { Set(inFlight.keys) }
    var flights = 0
    var unacknowledged: [TenantID: VisibilityToken] = [:]
    var failures: [TenantID: Int] = [:]
    /// What keeps events from becoming visible; nil when all is well.
    var trouble: EnvironmentFailure?
  }

  package let name = "coordinator"
  let bus: any IngestBus
  let hub: VisibilityHub
  let options: Options
  let clock: any MonotonicClock
  let logger: Logger
  let metrics: DuckMeshMetrics
  let owner = OwnerID.random()
  let wakeUp = Notifier()
  let state: Lock<State>
  private let flight: Flight
  private let flightLimit: Int

  package init(
    bus: any IngestBus, catalog: any Catalog, store: any ObjectStore, hub: VisibilityHub,
    materializers: MaterializerPool, options: Options, clock: any MonotonicClock,
    metrics: DuckMeshMetrics, logger: Logger
  ) {
    self.bus = bus
    self.hub = hub
    self.options = options
    self.clock = clock
    self.logger = logger
    self.metrics = metrics
    state = Lock(State(schedule: FlushSchedule(options: options.flush)))
    flightLimit = materializers.concurrency
    flight = Flight(
      bus: bus, catalog: catalog, store: store, materializers: materializers, metrics: metrics,
      logger: logger, owner: owner)
    hub.onDemand { [weak self] tenant, token in
      guard let self else { return }
      state.withLock { $0.schedule.demanded(tenant: tenant, token: token) }
      wakeUp.notify()
    }
  }

  /// What keeps events from becoming visible, for `/v1/ready`.
  package var trouble: EnvironmentFailure? { state.withLock { $0.trouble } }

  /// Told by the publisher of this process; the bus is asked as well, so a lost word costs time
  /// only.
  package func published(tenant: TenantID, head: VisibilityToken, bytes: Int) {
    let now = instant
    state.withLock { $0.schedule.published(tenant: tenant, head: head, bytes: bytes, now: now) }
    wakeUp.notify()
  }

  /// The monotonic clock in the unit of the schedule.
  var instant: Timestamp { Timestamp(microseconds: clock.now.nanoseconds / 1_000) }

  package func run(shutdown: Shutdown) async throws {
    shutdown.onRequest { [wakeUp] in wakeUp.notify() }
    await withDiscardingTaskGroup { group in
      var nextBacklog = instant
      var nextAcknowledge = instant
      while !Task.isCancelled {
        let now = instant
        if now >= nextBacklog {
          await readBacklog()
          nextBacklog = now.adding(milliseconds: options.backlogIntervalMs)
        }
        if now >= nextAcknowledge {
          await acknowledge()
          nextAcknowledge = now.adding(milliseconds: options.acknowledgeIntervalMs)
        }
        let isStopping = shutdown.isRequested
        while let tenants = takeDue(isStopping: isStopping) {
          group.addTask { [self] in await fly(tenants) }
        }
        if isStopping, state.withLock({ $0.flights == 0 }) { break }
        await pause(until: min(nextBacklog, nextAcknowledge), isStopping: isStopping)
      }
    }
    await acknowledge()
  }

  /// Waits for a word, the next due tenant or `limit`. A flight that ends is a word as well.
  private func pause(until limit: Timestamp, isStopping: Bool) async {
    let due: Timestamp? = state.withLock { state in
      // With no flight to be had, what is due waits for one that ends.
      guard state.flights < flightLimit, !isStopping else { return nil }
      return state.schedule.nextDue(excluding: state.flying)
    }
    let wake = min(limit, due ?? limit)
    _ = await wakeUp.wait(
      until: MonotonicInstant(nanoseconds: wake.microseconds * 1_000), on: clock)
  }

  /// The tenants of the next flight, marked as flying; nil when none is due or may fly.
  ///
  /// - Parameter isStopping: whether to take everything pending. If that fails it stays in the bus,
  ///   where it is safe.
  private func takeDue(isStopping: Bool) -> [TenantID]? {
    let now = instant
    let tenants: [TenantID] = state.withLock { state in
      guard state.flights < flightLimit, !(isStopping && state.trouble != nil) else { return [] }
      let moment = isStopping ? now.adding(milliseconds: options.flush.longestAgeMs) : now
      let due = state.schedule.due(
        now: moment, limit: options.claim.tenants, excluding: state.flying)
      for tenant in due { state.inFlight[tenant] = state.schedule.head(of: tenant) }
      if !due.isEmpty { state.flights += 1 }
      return due
    }
    return tenants.isEmpty ? nil : tenants
  }

  private func fly(_ tenants: [TenantID]) async {
    await attempt(tenants)
    state.withLock { state in
      for tenant in tenants { state.inFlight[tenant] = nil }
      state.flights -= 1
    }
    wakeUp.notify()
  }

  private func attempt(_ tenants: [TenantID]) async {
    let started = clock.now
    do {
      let claims = try await claim(tenants)
      let result = try await withHeartbeat(claims) { () async throws(EnvironmentFailure) in
        try await self.flight.run(claims)
      }
      settle(tenants, claims: claims, result)
      metrics.coordinator.commitBatchLatencyMs.observe((clock.now - started).milliseconds)
    } catch {
      await backOff(tenants, error)
    }
  }
}
