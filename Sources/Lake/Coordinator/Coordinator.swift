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
    await withTaskGroup(of: Void.self) { group in
      var flying = 0
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
        // At the end everything pending is committed, unless that fails: it is safe in the bus.
        while flying < flightLimit, !(isStopping && trouble != nil),
          let tenants = takeDue(all: isStopping)
        {
          flying += 1
          group.addTask { [self] in await fly(tenants) }
        }
        if isStopping, flying == 0 { break }
        if flying == flightLimit || (isStopping && flying > 0) {
          await group.next()
          flying -= 1
          continue
        }
        flying -= await pause(until: min(nextBacklog, nextAcknowledge), group: &group, flying)
      }
      await group.waitForAll()
    }
    await acknowledge()
  }

  /// Waits for a word, the next due tenant or `limit`.
  ///
  /// - Returns: how many flights have ended meanwhile.
  private func pause(
    until limit: Timestamp, group: inout TaskGroup<Void>, _ flying: Int
  ) async -> Int {
    let due = state.withLock { $0.schedule.nextDue(excluding: $0.flying) }
    let wake = min(limit, due ?? limit)
    // A flight that ends notifies as well, so one wait covers everything.
    _ = await wakeUp.wait(
      until: MonotonicInstant(nanoseconds: wake.microseconds * 1_000), on: clock)
    return endedFlights.exchange()
  }

  let endedFlights = EndedFlights()

  /// The tenants of the next flight, marked as flying.
  ///
  /// - Parameter all: whether to take everything pending (at shutdown).
  private func takeDue(all: Bool) -> [TenantID]? {
    let now = instant
    let tenants = state.withLock { state in
      let moment = all ? now.adding(milliseconds: options.flush.longestAgeMs) : now
      let due = state.schedule.due(
        now: moment, limit: options.claim.tenants, excluding: state.flying)
      for tenant in due { state.inFlight[tenant] = state.schedule.head(of: tenant) }
      return due
    }
    return tenants.isEmpty ? nil : tenants
  }

  private func fly(_ tenants: [TenantID]) async {
    await attempt(tenants)
    state.withLock { state in
      for tenant in tenants { state.inFlight[tenant] = nil }
    }
    endedFlights.add()
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
