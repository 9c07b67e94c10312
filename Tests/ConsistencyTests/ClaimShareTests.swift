import Consistency
import Model
import Testing

@Suite struct ClaimShareTests {
  private func at(_ milliseconds: Int) -> Timestamp {
    Timestamp(microseconds: 0).adding(milliseconds: milliseconds)
  }

  private func share(live: Int, active: Int) -> ClaimShare {
    var share = ClaimShare(
      options: .init(patienceMs: 600, demandPatienceMs: 50, cedingMs: 3_000))
    share.viewed(.init(liveCoordinators: live, activeTenants: active), now: at(0))
    return share
  }

  private func candidate(
    _ tenant: Int64, queuedSince: Int = 0, isDemanded: Bool = false
  ) -> FlushSchedule.Candidate {
    .init(tenant: TenantID(tenant), queuedSince: at(queuedSince), isDemanded: isDemanded)
  }

  private func take(
    _ share: inout ClaimShare, _ tenants: ClosedRange<Int64>, until milliseconds: Int = 3_000
  ) {
    for tenant in tenants {
      share.obtained(
        TenantID(tenant), epoch: LeaseEpoch(1), now: at(0), leaseMs: milliseconds)
    }
  }

  private func admitted(
    _ share: ClaimShare, _ candidates: [FlushSchedule.Candidate], at now: Int,
    flying: [Int64] = [], limit: Int = 100
  ) -> [Int64] {
    share.admitted(candidates, flying: flying.map { TenantID($0) }, now: at(now), limit: limit)
      .map(\.rawValue)
  }

  @Test func theOnlyCoordinatorTakesEverything() {
    var share = share(live: 1, active: 0)
    take(&share, 1...500)
    #expect(share.isAlone && share.fairShare == nil)
    #expect(admitted(share, (501...700).map { candidate($0) }, at: 0, limit: 1_000).count == 200)
    #expect(share.surplus(flying: [], now: at(0)).isEmpty)
  }

  @Test func theShareIsThePartRoundedUp() {
    for (live, active, part) in [(2, 10, 5), (2, 11, 6), (3, 10, 4), (4, 1, 1), (4, 0, 1)] {
      #expect(share(live: live, active: active).fairShare == part)
    }
    // Together they have room for every tenant, so that nobody waits for patience.
    for live in 2...9 {
      for active in 0...200 {
        #expect((share(live: live, active: active).fairShare ?? 0) * live >= active)
      }
    }
  }

  @Test func theOldestAreTakenWithinTheShareAndTheRestLeftToOthers() {
    let share = share(live: 2, active: 16)
    let candidates = (1...16).map { candidate($0, queuedSince: Int($0)) }
    // Eight and one more, for tenants that have come to life since the share was reckoned.
    #expect(admitted(share, candidates, at: 200) == Array(1...9))
    #expect(admitted(share, candidates, at: 200, limit: 3) == [1, 2, 3])
    #expect(admitted(share, candidates, at: 200, flying: [20, 21, 22]) == Array(1...6))
  }

  @Test func whatIsHeldIsClaimedWhateverTheShareIs() {
    var share = share(live: 2, active: 2)
    take(&share, 1...6)
    let candidates = [
      candidate(9, queuedSince: 0), candidate(5, queuedSince: 10), candidate(6, queuedSince: 20),
    ]
    #expect(admitted(share, candidates, at: 30) == [5, 6])
    #expect(admitted(share, candidates, at: 30, flying: [1, 2]) == [5, 6])
  }

  @Test func nothingWaitsLongerThanThePatience() {
    var share = share(live: 2, active: 2)
    take(&share, 1...6)
    let idle = candidate(8, queuedSince: 0)
    let awaited = candidate(9, queuedSince: 100, isDemanded: true)
    #expect(share.earliestClaim(idle, hasRoom: false, now: at(0)) == at(600))
    #expect(share.earliestClaim(awaited, hasRoom: false, now: at(0)) == at(150))
    #expect(admitted(share, [idle, awaited], at: 149) == [])
    #expect(admitted(share, [idle, awaited], at: 150) == [9])
    #expect(admitted(share, [idle, awaited], at: 600) == [8, 9])
  }

  @Test func aTenantThatAnotherHoldsIsLeftAloneUntilItsLeaseEnds() {
    var share = share(live: 2, active: 10)
    share.heldElsewhere(TenantID(1), until: at(2_500))
    let awaited = candidate(1, isDemanded: true)
    #expect(admitted(share, [awaited], at: 2_499) == [])
    #expect(share.earliestClaim(awaited, hasRoom: true, now: at(0)) == at(2_500))
    #expect(admitted(share, [awaited], at: 2_500) == [1])
    share.notHeldElsewhere(TenantID(1))
    #expect(admitted(share, [awaited], at: 0) == [1])
    share.committedElsewhere(TenantID(1), until: at(1_500))
    #expect(admitted(share, [awaited], at: 0) == [])
    // Somebody has given back: perhaps this one.
    share.anyMayBeFree()
    #expect(admitted(share, [awaited], at: 0) == [1])
  }

  @Test func anOwnCommitDoesNotMakeATenantSomebodyElses() {
    var share = share(live: 2, active: 10)
    take(&share, 1...1)
    share.committedElsewhere(TenantID(1), until: at(1_500))
    #expect(admitted(share, [candidate(1)], at: 10) == [1])
  }

  @Test func aLeaseThatHasRunOutIsNotHeld() {
    var share = share(live: 2, active: 2)
    take(&share, 1...2, until: 3_000)
    #expect(share.holds(TenantID(1), now: at(2_999)) && !share.holds(TenantID(1), now: at(3_000)))
    #expect(share.room(flying: [TenantID](), now: at(2_999)) == 0)
    #expect(share.room(flying: [TenantID](), now: at(3_000)) == 2)
    share.extended(TenantID(1), epoch: LeaseEpoch(1), until: at(4_000))
    share.extended(TenantID(2), epoch: LeaseEpoch(7), until: at(4_000))
    #expect(share.holds(TenantID(1), now: at(3_500)) && !share.holds(TenantID(2), now: at(3_500)))
    share.lost(TenantID(1))
    #expect(!share.holds(TenantID(1), now: at(0)))
  }

  @Test func aClaimOfWhatIsHeldIsSureOfHalfALeaseOnly() {
    var share = share(live: 2, active: 2)
    take(&share, 1...2)
    share.obtained(TenantID(1), epoch: LeaseEpoch(1), now: at(1_000), leaseMs: 3_000)
    share.obtained(TenantID(2), epoch: LeaseEpoch(2), now: at(1_000), leaseMs: 3_000)
    #expect(share.holds(TenantID(1), now: at(2_999)) && !share.holds(TenantID(1), now: at(3_000)))
    #expect(share.holds(TenantID(2), now: at(3_999)))
    share.obtained(TenantID(1), epoch: LeaseEpoch(1), now: at(2_000), leaseMs: 3_000)
    #expect(share.holds(TenantID(1), now: at(3_499)) && !share.holds(TenantID(1), now: at(3_500)))
  }

  @Test func aLastingExcessIsGivenBackButNothingThatIsFlying() {
    var share = share(live: 1, active: 0)
    take(&share, 1...10)
    let view = ClaimShare.View(liveCoordinators: 2, activeTenants: 10)
    share.viewed(view, now: at(100))
    #expect(share.surplus(flying: [], now: at(100)).isEmpty)
    share.viewed(view, now: at(200))
    let flying = (4...10).map { TenantID($0) }
    let first = share.surplus(flying: flying, now: at(200))
    #expect(first.map(\.tenant.rawValue) == [1, 2, 3])
    #expect(first.allSatisfy { $0.epoch == LeaseEpoch(1) })
    // The rest when it has landed, without another view.
    #expect(share.surplus(flying: [], now: at(210)).map(\.tenant.rawValue) == [4, 5])
    #expect(share.surplus(flying: [], now: at(220)).isEmpty)
    share.viewed(view, now: at(300))
    share.viewed(view, now: at(400))
    #expect(share.surplus(flying: [], now: at(400)).isEmpty)
  }

  @Test func aPassingExcessIsKept() {
    var share = share(live: 2, active: 10)
    take(&share, 1...8)
    share.viewed(.init(liveCoordinators: 2, activeTenants: 10), now: at(100))
    share.viewed(.init(liveCoordinators: 2, activeTenants: 16), now: at(200))
    #expect(share.surplus(flying: [], now: at(200)).isEmpty)
    share.viewed(.init(liveCoordinators: 2, activeTenants: 10), now: at(300))
    #expect(share.surplus(flying: [], now: at(300)).isEmpty)
  }

  @Test func whatWasGivenBackIsLeftToTheOthersForAWhile() {
    var share = share(live: 2, active: 4)
    take(&share, 1...4)
    let view = ClaimShare.View(liveCoordinators: 2, activeTenants: 4)
    for now in [100, 200] { share.viewed(view, now: at(now)) }
    #expect(share.surplus(flying: [], now: at(200)).map(\.tenant.rawValue) == [1, 2])
    // There is room for one more, but not for these two.
    #expect(share.room(flying: [TenantID](), now: at(200)) == 1)
    let back = candidate(1, queuedSince: 200, isDemanded: true)
    #expect(admitted(share, [back, candidate(9, queuedSince: 200)], at: 210) == [9])
    #expect(admitted(share, [back], at: 250) == [1])
    #expect(admitted(share, [candidate(1, queuedSince: 3_190)], at: 3_210) == [1])
  }

  @Test func atTheEndEverythingIsGivenBackOnce() {
    var share = share(live: 2, active: 4)
    take(&share, 1...4)
    share.lost(TenantID(4))
    // The store may hold on to what has run out here.
    share.expire(now: at(3_600_000))
    #expect(Set(share.releaseAll().map(\.tenant.rawValue)) == [1, 2, 3])
    #expect(share.releaseAll().isEmpty)
  }

  /// Coordinators that see each other late and wrongly, over many rounds of random events: every
  /// tenant that stays pending is claimed, and the load ends up even.
  @Test(arguments: 1...20) func sharesConvergeAndNobodyStarves(seed: UInt64) {
    var cluster = ShareSimulation(seed: seed, coordinators: 3, tenants: 24)
    cluster.run(rounds: 200)
    #expect(cluster.longestWaitMs <= 600 + 3_000 + 100)
    #expect(cluster.holdings.values.reduce(0, +) == 24)
    #expect(cluster.holdings.values.allSatisfy { (6...11).contains($0) }, "\(cluster.holdings)")
    cluster.kill(0)
    cluster.run(rounds: 200)
    #expect(cluster.longestWaitMs <= 600 + 3_000 + 100)
    #expect(cluster.holdings.values.reduce(0, +) == 24)
    #expect(cluster.holdings.values.allSatisfy { (9...14).contains($0) }, "\(cluster.holdings)")
  }
}
