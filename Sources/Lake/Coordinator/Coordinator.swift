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
///
/// Several coordinators share the tenants of one bus: by leases, which exclude each other, and by
/// `ClaimShare`, which spreads them evenly.
package final class Coordinator: Service {
  package struct Options: Sendable {
    package var flush: FlushSchedule.Options
    package var claim: ClaimLimit
    package var share: ClaimShare.Options
    package var leaseMs: Int
    package var heartbeatMs: Int
    /// A flight with more bytes than this counts as large: it takes no other tenants along, and
    /// large flights together leave one place to the others.
    package var largeFlightBytes: Int
    /// How often the bus is asked for what nobody has told us of.
    package var backlogIntervalMs: Int
    package var acknowledgeIntervalMs: Int
    package var backoff: Backoff

    package init(
      flush: FlushSchedule.Options = .init(), claim: ClaimLimit = ClaimLimit(),
      share: ClaimShare.Options = .init(),
      leaseMs: Int = 3_000, heartbeatMs: Int = 1_000, largeFlightBytes: Int = 2 << 20,
      backlogIntervalMs: Int = 1_000, acknowledgeIntervalMs: Int = 500,
      backoff: Backoff = Backoff(initialMs: 100, maximumMs: 5_000)
    ) {
      self.flush = flush
      self.claim = claim
      self.share = share
      self.leaseMs = leaseMs
      self.heartbeatMs = heartbeatMs
      self.largeFlightBytes = largeFlightBytes
      self.backlogIntervalMs = backlogIntervalMs
      self.acknowledgeIntervalMs = acknowledgeIntervalMs
      self.backoff = backoff
    }
  }

  package let name = "coordinator"
  let bus: any IngestBus
  let membership: any Membership
  let hub: VisibilityHub
  let options: Options
  let clock: any MonotonicClock
  let logger: Logger
  let metrics: DuckMeshMetrics
  let owner = OwnerID.random()
  let wakeUp = Notifier()
  /// Makes the books look at the bus before it is time.
  let look = Notifier()
  let wall: any WallClock
  let state: Lock<CoordinatorState>
  let flight: Flight
  let catalog: any Catalog
  private let flightLimit: Int

  /// - Parameter crashGuard: nil where a crash of the process is nobody's concern.
  package init(
    bus: any IngestBus, membership: any Membership = SoleMembership(), catalog: any Catalog,
    store: any ObjectStore, hub: VisibilityHub,
    materializers: MaterializerPool, options: Options, clock: any MonotonicClock,
    wall: any WallClock = SystemWallClock(), metrics: DuckMeshMetrics, logger: Logger,
    crashGuard: CrashGuard? = nil
  ) {
    self.bus = bus
    self.membership = membership
    self.catalog = catalog
    self.wall = wall
    self.hub = hub
    self.options = options
    self.clock = clock
    self.logger = logger
    self.metrics = metrics
    state = Lock(
      CoordinatorState(
        schedule: FlushSchedule(options: options.flush),
        share: ClaimShare(options: options.share),
        suspects: crashGuard?.attempts.suspects ?? []))
    flightLimit = materializers.concurrency
    flight = Flight(
      bus: bus, catalog: catalog, store: store, materializers: materializers, metrics: metrics,
      logger: logger, owner: owner, crashGuard: crashGuard)
    hub.onDemand { [weak self] tenant, token in
      guard let self else { return }
      guard token > .none else { return replaysWanted(tenant: tenant) }
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
    shutdown.onRequest { [wakeUp, look] in
      wakeUp.notify()
      look.notify()
    }
    await withDiscardingTaskGroup { group in
      group.addTask { [self] in await keepMembership(until: shutdown) }
      // Apart from the flights: the books wait for the database's writer, which must not hold up
      // who waits for an event.
      group.addTask { [self] in await keepBooks(until: shutdown) }
      while !Task.isCancelled {
        let isStopping = shutdown.isRequested
        while let tenant = takeReplay(isStopping: isStopping) {
          group.addTask { [self] in await fly([tenant]) { [self] in await replay(tenant) } }
        }
        while let tenants = takeDue(isStopping: isStopping) {
          group.addTask { [self] in await fly(tenants) { [self] in await attempt(tenants) } }
        }
        // At the end everything pending is committed, unless that fails: it is safe in the bus.
        if isStopping, state.withLock({ $0.flights.isEmpty }) { break }
        _ = await wakeUp.wait(until: nextDeparture(isStopping: isStopping), on: clock)
      }
    }
    await acknowledge()
    await leave()
  }

  /// When the next flight is due by itself. A flight that ends notifies.
  private func nextDeparture(isStopping: Bool) -> MonotonicInstant {
    // At the end all that can fly does so at once; the rest has failed and stays.
    guard !isStopping else { return .distantFuture }
    let now = instant
    let due = state.withLock {
      [
        $0.nextDue(now: now, options: options, limit: flightLimit),
        $0.nextReplay(limit: flightLimit),
      ].compactMap { $0 }.min()
    }
    return due.map { MonotonicInstant(nanoseconds: $0.microseconds * 1_000) } ?? .distantFuture
  }

  /// The tenants of the next flight, marked as flying.
  ///
  /// - Parameter isStopping: whether to take everything pending that has not failed.
  private func takeDue(isStopping: Bool) -> [TenantID]? {
    let now = instant
    return state.withLock { state in
      state.share.expire(now: now)
      let due = state.due(
        now: now, isStopping: isStopping, options: options, limit: flightLimit)
      return state.takeOff(due, options: options)
    }
  }

  private func takeReplay(isStopping: Bool) -> TenantID? {
    let now = instant
    return state.withLock {
      $0.takeOffReplay(now: now, isStopping: isStopping, options: options, limit: flightLimit)
    }
  }

  private func fly(_ tenants: [TenantID], _ body: () async -> Void) async {
    await body()
    state.withLock { $0.land(tenants) }
    wakeUp.notify()
  }

  private func attempt(_ tenants: [TenantID]) async {
    let started = clock.now
    let claims: [TenantClaim]
    do {
      claims = try await claim(tenants)
    } catch {
      backOff(tenants, error)
      return
    }
    var committed: [TenantID] = []
    do {
      let result = try await withHeartbeat(claims) { () async throws(EnvironmentFailure) in
        try await self.flight.run(claims)
      }
      settle(tenants, claims: claims, result)
      committed = result.committed.map(\.tenant)
      metrics.coordinator.commitBatchLatencyMs.observe((clock.now - started).milliseconds)
    } catch {
      backOff(tenants, error)
    }
    // Nobody who waits for an event waits for this.
    await flight.endAttempt(claims, committed: committed)
  }
}
