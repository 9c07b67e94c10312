import Model

/// Which tenants a coordinator takes where several of them share the tenants of one bus.
///
/// A coordinator keeps to its fair share: the tenants that have pending events or a holder, divided
/// by the coordinators that are alive. Beyond it, it takes a tenant only after a patience in which
/// nobody else has, and what it holds beyond it is given back between two flights.
///
/// Invariant: all of this only delays claims, by a bounded time. A wrong view of the cluster (a
/// coordinator that counts as alive and is not) costs that delay and never more; what protects the
/// events is the epoch of the lease, not this.
package struct ClaimShare: Sendable {
  package struct Options: Sendable {
    /// How long an event may wait for somebody with room before anybody takes it.
    package var patienceMs: Int
    /// The same for an event that somebody waits for.
    package var demandPatienceMs: Int
    /// How long a tenant that was given back is left to the others, but for that patience.
    package var cedingMs: Int

    package init(patienceMs: Int = 600, demandPatienceMs: Int = 50, cedingMs: Int = 3_000) {
      self.patienceMs = patienceMs
      self.demandPatienceMs = demandPatienceMs
      self.cedingMs = cedingMs
    }
  }

  /// What a coordinator is told of the others, itself included.
  package struct View: Sendable, Equatable {
    package let liveCoordinators: Int
    /// Tenants with pending events or with a live lease.
    package let activeTenants: Int

    package init(liveCoordinators: Int, activeTenants: Int) {
      self.liveCoordinators = liveCoordinators
      self.activeTenants = activeTenants
    }

    /// The only coordinator takes everything.
    package static let alone = View(liveCoordinators: 1, activeTenants: 0)
  }

  /// A lease as its holder reckons it: never longer than the store does.
  package struct Lease: Sendable, Equatable {
    package let epoch: LeaseEpoch
    package let until: Timestamp
  }

  private let options: Options
  private var view = View.alone
  private var leases: [TenantID: Lease] = [:]
  /// The newest epoch of every tenant that was held and not seen to change hands. The store may
  /// reckon a lease longer than we do, so what has run out here is given back at the end as well.
  private var epochs: [TenantID: LeaseEpoch] = [:]
  /// Tenants that others hold, and until when they are left alone.
  private var foreign: [TenantID: Timestamp] = [:]
  /// Tenants that were given back for others to take, and until when they are meant for them.
  private var ceded: [TenantID: Timestamp] = [:]
  /// The excess of held tenants that the view before this one has shown already.
  private var lastingExcess = 0
  private var excess = 0

  package init(options: Options) { self.options = options }

  /// The tenants that this coordinator should hold; nil for the only one, which has them all.
  package var fairShare: Int? {
    guard view.liveCoordinators > 1 else { return nil }
    let share = (view.activeTenants + view.liveCoordinators - 1) / view.liveCoordinators
    return max(1, share)
  }

  /// The tenants up to which it claims at once. Somewhat above the share, which lags behind: a
  /// tenant that has just come to life must not wait until it is counted.
  private var claimLimit: Int? { fairShare.map { $0 + max(1, $0 / 8) } }

  package var isAlone: Bool { fairShare == nil }

  package func holds(_ tenant: TenantID, now: Timestamp) -> Bool {
    leases[tenant].map { $0.until > now } ?? false
  }

  /// A claim was granted.
  ///
  /// - Parameter now: from before the claim was sent. A lease that was held already may be used as
  ///   it is while more than half of its time is left, so that half is what is sure then.
  package mutating func obtained(
    _ tenant: TenantID, epoch: LeaseEpoch, now: Timestamp, leaseMs: Int
  ) {
    var until = now.adding(milliseconds: leaseMs)
    if let known = leases[tenant], known.epoch == epoch {
      until = max(known.until, now.adding(milliseconds: leaseMs / 2))
    }
    leases[tenant] = Lease(epoch: epoch, until: until)
    epochs[tenant] = epoch
    foreign[tenant] = nil
    ceded[tenant] = nil
  }

  /// The lease is held on, where it is still the one of that epoch.
  package mutating func extended(_ tenant: TenantID, epoch: LeaseEpoch, until: Timestamp) {
    guard let lease = leases[tenant], lease.epoch == epoch else { return }
    leases[tenant] = Lease(epoch: epoch, until: max(lease.until, until))
  }

  package mutating func lost(_ tenant: TenantID) {
    leases[tenant] = nil
    epochs[tenant] = nil
  }

  /// Somebody else holds the tenant, at least it seems so, until `until`.
  package mutating func heldElsewhere(_ tenant: TenantID, until: Timestamp) {
    lost(tenant)
    foreign[tenant] = until
  }

  /// Somebody else has committed events of the tenant, and probably holds it on.
  package mutating func committedElsewhere(_ tenant: TenantID, until: Timestamp) {
    // A commit of our own is told to us as well.
    guard leases[tenant] == nil else { return }
    foreign[tenant] = max(foreign[tenant] ?? until, until)
  }

  /// Nobody holds the tenant, or we do.
  package mutating func notHeldElsewhere(_ tenant: TenantID) { foreign[tenant] = nil }

  /// Leases were given back by somebody: whoever has room may try.
  package mutating func anyMayBeFree() { foreign = [:] }

  package mutating func viewed(_ view: View, now: Timestamp) {
    self.view = view
    expire(now: now)
    let excess = fairShare.map { max(0, leases.count - $0) } ?? 0
    // One view may have been taken between another's release and the next one's claim.
    lastingExcess = min(self.excess, excess)
    self.excess = excess
  }

  /// Forgets what has run out.
  package mutating func expire(now: Timestamp) {
    leases = leases.filter { $0.value.until > now }
    foreign = foreign.filter { $0.value > now }
    ceded = ceded.filter { $0.value > now }
  }

  /// Those that may be claimed now, in their order; at most `limit`.
  ///
  /// - Parameters:
  ///   - candidates: tenants that are due, the longest waiting first.
  ///   - flying: tenants that are under way, held or not yet.
  package func admitted(
    _ candidates: [FlushSchedule.Candidate], flying: some Collection<TenantID>, now: Timestamp,
    limit: Int
  ) -> [TenantID] {
    var room = room(flying: flying, now: now)
    var admitted: [TenantID] = []
    for candidate in candidates {
      guard admitted.count < limit else { break }
      guard earliestClaim(candidate, hasRoom: room > 0, now: now) <= now else { continue }
      if !holds(candidate.tenant, now: now) { room -= 1 }
      admitted.append(candidate.tenant)
    }
    return admitted
  }

  /// The instant before which a tenant is left alone.
  package func earliestClaim(
    _ candidate: FlushSchedule.Candidate, hasRoom: Bool, now: Timestamp
  ) -> Timestamp {
    if holds(candidate.tenant, now: now) { return Timestamp(microseconds: .min) }
    let free = foreign[candidate.tenant] ?? Timestamp(microseconds: .min)
    let isCeded = ceded[candidate.tenant].map { $0 > now } ?? false
    if hasRoom && !isCeded { return free }
    let patience = candidate.isDemanded ? options.demandPatienceMs : options.patienceMs
    return max(free, candidate.queuedSince.adding(milliseconds: patience))
  }

  /// How many tenants more may be taken without patience.
  package func room(flying: some Collection<TenantID>, now: Timestamp) -> Int {
    guard let limit = claimLimit else { return .max }
    let held = leases.values.count { $0.until > now }
    let taking = flying.count { !holds($0, now: now) }
    return max(0, limit - held - taking)
  }

  /// Leases to give back so that another coordinator can have its share, those that run out first.
  ///
  /// Only an excess that two views in a row have shown, and never a tenant that is flying. They
  /// count as given back from here on.
  package mutating func surplus(
    flying: some Collection<TenantID>, now: Timestamp
  ) -> [(tenant: TenantID, epoch: LeaseEpoch)] {
    expire(now: now)
    guard lastingExcess > 0 else { return [] }
    let underWay = Set(flying)
    let idle = leases.filter { !underWay.contains($0.key) }
      .sorted { ($0.value.until, $0.key) < ($1.value.until, $1.key) }
      .prefix(lastingExcess)
    lastingExcess -= idle.count
    excess -= idle.count
    for (tenant, _) in idle {
      lost(tenant)
      ceded[tenant] = now.adding(milliseconds: options.cedingMs)
    }
    return idle.map { (tenant: $0.key, epoch: $0.value.epoch) }
  }

  /// All leases, which count as given back from here on.
  package mutating func releaseAll() -> [(tenant: TenantID, epoch: LeaseEpoch)] {
    defer {
      leases = [:]
      epochs = [:]
    }
    return epochs.map { (tenant: $0.key, epoch: $0.value) }
  }
}
