import Consistency
import Model

/// Coordinators over a table of leases, in rounds of 50 ms; every tenant always has events.
///
/// A claimed tenant is committed in the same round, and its next event comes at once.
struct ShareSimulation {
  private struct Lease {
    var owner: Int
    var epoch: LeaseEpoch
    var until: Timestamp
  }

  private static let roundMs = 50
  private static let leaseMs = 3_000

  private var random: SeededGenerator
  private var shares: [Int: ClaimShare]
  private var lastSeen: [Int: Timestamp] = [:]
  private var leases: [Int64: Lease] = [:]
  private var oldest: [Int64: Timestamp]
  private var now = Timestamp(microseconds: 0)
  private(set) var longestWaitMs = 0

  init(seed: UInt64, coordinators: Int, tenants: Int64) {
    random = SeededGenerator(seed: seed)
    shares = Dictionary(
      uniqueKeysWithValues: (0..<coordinators).map { ($0, ClaimShare(options: .init())) })
    let start = now
    oldest = Dictionary(uniqueKeysWithValues: (1...tenants).map { ($0, start) })
  }

  /// How many tenants each living coordinator holds.
  var holdings: [Int: Int] {
    var count = shares.mapValues { _ in 0 }
    for lease in leases.values where lease.until > now { count[lease.owner]? += 1 }
    return count
  }

  mutating func kill(_ coordinator: Int) { shares[coordinator] = nil }

  mutating func run(rounds: Int) {
    longestWaitMs = 0
    for _ in 0..<rounds {
      now = now.adding(milliseconds: Self.roundMs)
      for coordinator in shares.keys.sorted().shuffled(using: &random) { turn(coordinator) }
      let waits = oldest.values.map { now.milliseconds(since: $0) }
      longestWaitMs = max(longestWaitMs, waits.max() ?? 0)
    }
  }

  private mutating func turn(_ coordinator: Int) {
    guard var share = shares[coordinator] else { return }
    let isTime = lastSeen[coordinator].map { now.milliseconds(since: $0) >= 1_000 } ?? true
    // One in five comes late, though not so late that it counts as dead.
    if isTime, Int.random(in: 0..<5, using: &random) > 0 { heartbeat(coordinator, &share) }
    // Not every look at the bus comes in time.
    if Int.random(in: 0..<4, using: &random) > 0 { look(coordinator, &share) }
    let due = oldest.map {
      FlushSchedule.Candidate(tenant: TenantID($0.key), queuedSince: $0.value, isDemanded: false)
    }.sorted { ($0.queuedSince, $0.tenant) < ($1.queuedSince, $1.tenant) }
    for tenant in share.admitted(due, flying: [TenantID](), now: now, limit: 100) {
      claim(tenant.rawValue, coordinator, &share)
    }
    shares[coordinator] = share
  }

  private mutating func heartbeat(_ coordinator: Int, _ share: inout ClaimShare) {
    lastSeen[coordinator] = now
    let live = lastSeen.values.count { $0.adding(milliseconds: Self.leaseMs) > now }
    share.viewed(
      .init(liveCoordinators: live, activeTenants: oldest.count), now: now)
    for given in share.surplus(flying: [TenantID](), now: now) {
      leases[given.tenant.rawValue]?.until = now
    }
  }

  private func look(_ coordinator: Int, _ share: inout ClaimShare) {
    for tenant in oldest.keys {
      if let lease = leases[tenant], lease.until > now, lease.owner != coordinator {
        share.heldElsewhere(TenantID(tenant), until: lease.until)
      } else {
        share.notHeldElsewhere(TenantID(tenant))
      }
    }
  }

  private mutating func claim(_ tenant: Int64, _ coordinator: Int, _ share: inout ClaimShare) {
    let until = now.adding(milliseconds: Self.leaseMs)
    if let lease = leases[tenant], lease.until > now, lease.owner != coordinator {
      return share.heldElsewhere(TenantID(tenant), until: lease.until)
    }
    let isOwn = leases[tenant].map { $0.until > now } ?? false
    let known = leases[tenant]?.epoch ?? LeaseEpoch(0)
    let epoch = isOwn ? known : known.next
    leases[tenant] = Lease(owner: coordinator, epoch: epoch, until: until)
    share.obtained(TenantID(tenant), epoch: epoch, now: now, leaseMs: Self.leaseMs)
    oldest[tenant] = now
  }
}
