import Consistency
import Model
import Testing

@Suite struct FlushScheduleTests {
  private let tenant = TenantID(1)
  private func at(_ milliseconds: Int) -> Timestamp {
    Timestamp(microseconds: 0).adding(milliseconds: milliseconds)
  }
  private func schedule(
    _ options: FlushSchedule.Options = .init(
      flushIntervalMs: 200, longestAgeMs: 2_000, flushBytes: 1_000, filesPerSecond: 100)
  ) -> FlushSchedule { FlushSchedule(options: options) }
  private func token(_ value: Int64) -> VisibilityToken { VisibilityToken(value) }

  @Test func aTenantIsDueWhenItsOldestEventReachesTheAge() {
    var schedule = schedule()
    schedule.published(tenant: tenant, head: token(1), bytes: 1, now: at(0))
    schedule.published(tenant: tenant, head: token(2), bytes: 1, now: at(150))
    #expect(schedule.due(now: at(199), limit: 9).isEmpty)
    #expect(schedule.nextDue() == at(200))
    #expect(schedule.due(now: at(200), limit: 9) == [tenant])
  }

  @Test func aTenantIsDueAtOnceWhenItHasBytesEnoughOrSomebodyWaits() {
    var large = schedule()
    large.published(tenant: tenant, head: token(1), bytes: 999, now: at(0))
    #expect(large.due(now: at(0), limit: 9).isEmpty)
    large.published(tenant: tenant, head: token(2), bytes: 1, now: at(0))
    #expect(large.due(now: at(0), limit: 9) == [tenant])
    var awaited = schedule()
    awaited.published(tenant: tenant, head: token(1), bytes: 1, now: at(0))
    awaited.demanded(tenant: tenant, token: token(1))
    #expect(awaited.due(now: at(0), limit: 9) == [tenant])
    #expect(awaited.nextDue() == at(0))
  }

  @Test func aDemandThatComesBeforeItsPublishIsNotLost() {
    var schedule = schedule()
    schedule.demanded(tenant: tenant, token: token(2))
    #expect(schedule.due(now: at(0), limit: 9).isEmpty)
    schedule.published(tenant: tenant, head: token(1), bytes: 1, now: at(0))
    #expect(schedule.due(now: at(0), limit: 9).isEmpty)
    schedule.published(tenant: tenant, head: token(2), bytes: 1, now: at(0))
    #expect(schedule.due(now: at(0), limit: 9) == [tenant])
  }

  @Test func aDemandBeyondWhatIsPendingOutlivesTheCommitOfWhatIs() {
    var schedule = schedule()
    schedule.published(tenant: tenant, head: token(1), bytes: 1, now: at(0))
    schedule.demanded(tenant: tenant, token: token(2))
    schedule.committed(tenant: tenant, watermark: token(1), now: at(1))
    #expect(schedule.isEmpty)
    schedule.published(tenant: tenant, head: token(2), bytes: 1, now: at(2))
    #expect(schedule.due(now: at(2), limit: 9) == [tenant])
  }

  @Test func aDemandOutlivesForgettingTheTenantUntilItIsMet() {
    var schedule = schedule()
    schedule.published(tenant: tenant, head: token(3), bytes: 1, now: at(0))
    schedule.demanded(tenant: tenant, token: token(2))
    schedule.forget(tenant: tenant)
    #expect(schedule.isEmpty)
    schedule.learned(tenant: tenant, head: token(3), bytes: 1, oldest: at(1))
    #expect(schedule.due(now: at(1), limit: 9) == [tenant])
    schedule.forget(tenant: tenant)
    schedule.committed(tenant: tenant, watermark: token(2), now: at(2))
    schedule.published(tenant: tenant, head: token(4), bytes: 1, now: at(3))
    #expect(schedule.due(now: at(3), limit: 9).isEmpty)
  }

  @Test func whatIsPendingAfterACommitIsAsOldAsItWas() {
    var schedule = schedule()
    schedule.published(tenant: tenant, head: token(1), bytes: 1, now: at(0))
    // While the flight that takes the first is under way:
    schedule.published(tenant: tenant, head: token(2), bytes: 1, now: at(240))
    schedule.published(tenant: tenant, head: token(3), bytes: 1, now: at(300))
    schedule.committed(tenant: tenant, watermark: token(1), now: at(350))
    #expect(schedule.nextDue() == at(440))
    schedule.committed(tenant: tenant, watermark: token(2), now: at(400))
    #expect(schedule.due(now: at(499), limit: 9).isEmpty)
    #expect(schedule.due(now: at(500), limit: 9) == [tenant])
    schedule.committed(tenant: tenant, watermark: token(3), now: at(510))
    #expect(schedule.isEmpty)
    #expect(schedule.nextDue() == nil)
  }

  @Test func aDemandThatACommitHasNotMetStaysDue() {
    var schedule = schedule()
    schedule.published(tenant: tenant, head: token(5), bytes: 1, now: at(0))
    schedule.demanded(tenant: tenant, token: token(5))
    schedule.committed(tenant: tenant, watermark: token(3), now: at(10))
    #expect(schedule.due(now: at(10), limit: 9) == [tenant])
    schedule.demanded(tenant: tenant, token: token(4))
    schedule.committed(tenant: tenant, watermark: token(4), now: at(20))
    #expect(schedule.head(of: tenant) == token(5))
    #expect(schedule.due(now: at(20), limit: 9) == [tenant])
    schedule.committed(tenant: tenant, watermark: token(5), now: at(30))
    #expect(schedule.isEmpty)
  }

  @Test func whatTheBusKnowsToBeOlderIsOlder() {
    var schedule = schedule()
    // Reported by this process; another one's event came before it.
    schedule.published(tenant: tenant, head: token(2), bytes: 10, now: at(900))
    schedule.learned(tenant: tenant, head: token(2), bytes: 70, oldest: at(750))
    #expect(schedule.nextDue() == at(950))
    #expect(schedule.bytes(of: tenant) == 70)
    schedule.published(tenant: tenant, head: token(3), bytes: 5, now: at(940))
    schedule.learned(tenant: tenant, head: token(3), bytes: 80, oldest: at(960))
    #expect(schedule.nextDue() == at(950))
    schedule.committed(tenant: tenant, watermark: token(2), now: at(970))
    #expect(schedule.bytes(of: tenant) == 5)
    #expect(schedule.nextDue() == at(1_140))
  }

  @Test func whatIsLeftOfOneReportIsOfUnknownSizeUntilTheBusTells() {
    var schedule = schedule()
    schedule.learned(tenant: tenant, head: token(100), bytes: 90_000, oldest: at(0))
    schedule.committed(tenant: tenant, watermark: token(40), now: at(10))
    #expect(schedule.bytes(of: tenant) == 0)
    #expect(schedule.nextDue() == at(200))
    schedule.learned(tenant: tenant, head: token(100), bytes: 50_000, oldest: at(0))
    #expect(schedule.bytes(of: tenant) == 50_000)
    #expect(schedule.due(now: at(10), limit: 9) == [tenant])
  }

  @Test func aCommitTakesItsOwnBytesAndLeavesTheOthers() {
    var schedule = schedule()
    schedule.published(tenant: tenant, head: token(1), bytes: 5_000, now: at(0))
    schedule.published(tenant: tenant, head: token(2), bytes: 900, now: at(50))
    schedule.committed(tenant: tenant, watermark: token(1), now: at(60))
    #expect(schedule.bytes(of: tenant) == 900)
    #expect(schedule.due(now: at(60), limit: 9).isEmpty)
    // Read from the bus, which knows of more than was reported.
    schedule.learned(tenant: tenant, head: token(2), bytes: 1_000, oldest: at(50))
    #expect(schedule.bytes(of: tenant) == 1_000)
    #expect(schedule.due(now: at(60), limit: 9) == [tenant])
  }

  /// What is known of the arrivals is bounded; what is lost by it makes an event older, by an
  /// eighth of the interval or two sevenths of the time the tenant has waited, and never younger.
  @Test(arguments: Array(UInt64(1)...30))
  func anEventIsNeverTakenForYoungerThanItIsNorForMuchOlder(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<40 {
      var schedule = schedule(.init(flushIntervalMs: 200, flushBytes: .max))
      let spacing = 1 + random.below(80)
      let times = (1...(1 + random.below(120))).reduce(into: [0]) { times, _ in
        times.append((times.last ?? 0) + random.below(spacing + 1))
      }
      for (index, time) in times.enumerated() {
        schedule.published(
          tenant: tenant, head: token(Int64(index + 1)), bytes: 1, now: at(time))
      }
      let cut = random.below(times.count - 1)
      let end = times.last ?? 0
      schedule.committed(tenant: tenant, watermark: token(Int64(cut + 1)), now: at(end))
      let due = schedule.nextDue() ?? at(.max / 2_000)
      #expect(due <= at(times[cut + 1] + 200))
      #expect(due >= at(times[cut + 1] + 200 - max(25, 2 * end / 7 + 1)))
    }
  }

  /// Who is always behind is always the one with the oldest event; others come to their turn all
  /// the same.
  @Test func whoIsAlwaysBehindKeepsNobodyOut() {
    var schedule = schedule()
    let other = TenantID(2)
    schedule.published(tenant: tenant, head: token(1_000), bytes: 5_000_000, now: at(0))
    schedule.published(tenant: other, head: token(1), bytes: 1, now: at(10))
    var turns: [TenantID] = []
    for round in 1...4 {
      let now = at(1_000 * round)
      let due = schedule.due(now: now, limit: 1)
      turns += due
      for tenant in due {
        schedule.committed(tenant: tenant, watermark: token(Int64(round)), now: now)
      }
      schedule.published(
        tenant: other, head: token(Int64(100 + round)), bytes: 1, now: now)
    }
    #expect(turns == [tenant, other, tenant, other])
  }

  @Test func aFailedTenantWaitsAlsoWhenSomebodyAsks() {
    var schedule = schedule()
    schedule.published(tenant: tenant, head: token(1), bytes: 5_000, now: at(0))
    schedule.failed(tenant: tenant, notBefore: at(500))
    schedule.demanded(tenant: tenant, token: token(1))
    #expect(schedule.due(now: at(499), limit: 9).isEmpty)
    #expect(schedule.nextDue() == at(500))
    #expect(schedule.due(now: at(500), limit: 9) == [tenant])
  }

  @Test func theAgeStretchesWithTheTenantsBetweenItsBounds() {
    var schedule = schedule()
    for count in 1...300 {
      schedule.published(tenant: TenantID(Int64(count)), head: token(1), bytes: 1, now: at(0))
      #expect(schedule.maximumAgeMs == min(max(200, count * 10), 2_000))
    }
  }

  @Test func excludedTenantsAreNeitherDueNorAwaited() {
    var schedule = schedule()
    schedule.published(tenant: tenant, head: token(1), bytes: 5_000, now: at(0))
    schedule.published(tenant: TenantID(2), head: token(1), bytes: 1, now: at(10))
    #expect(schedule.due(now: at(10), limit: 9, excluding: [tenant]).isEmpty)
    #expect(schedule.nextDue(excluding: [tenant]) == at(210))
  }

  /// Random publishing, demands, commits and failures under a coordinator that takes a few tenants
  /// a round: whoever is pending is committed within the longest age, its back-off and its turn in
  /// the line of those that are due.
  @Test(arguments: Array(UInt64(1)...30))
  func nobodyStarves(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let options = FlushSchedule.Options(
      flushIntervalMs: 20, longestAgeMs: 200, flushBytes: 500, filesPerSecond: 50)
    var schedule = FlushSchedule(options: options)
    let (tenantCount, limit, roundMs, backOffMs) = (40, 8, 10, 50)
    var heads: [TenantID: Int64] = [:]
    var watermarks: [TenantID: Int64] = [:]
    var waitingSince: [TenantID: Int] = [:]
    var failures: [TenantID: Int] = [:]
    for round in 0..<600 {
      let now = round * roundMs
      for _ in 0..<random.below(30) {
        let tenant = TenantID(Int64(random.below(tenantCount)))
        heads[tenant, default: 0] += 1
        let head = token(heads[tenant] ?? 0)
        if random.chance(10) { schedule.demanded(tenant: tenant, token: head) }
        schedule.published(tenant: tenant, head: head, bytes: random.below(300), now: at(now))
        waitingSince[tenant] = waitingSince[tenant] ?? now
      }
      let due = schedule.due(now: at(now), limit: limit)
      #expect(due.count <= limit && Set(due).count == due.count)
      if due.isEmpty, let next = schedule.nextDue() { #expect(next > at(now)) }
      for tenant in due {
        let head = heads[tenant] ?? 0
        if random.chance(5), failures[tenant, default: 0] < 2 {
          failures[tenant, default: 0] += 1
          schedule.failed(tenant: tenant, notBefore: at(now + backOffMs))
          continue
        }
        failures[tenant] = 0
        // A claim that is cut short leaves some behind, which queues anew.
        let reached = max(watermarks[tenant] ?? 0, random.chance(20) ? head - 1 : head)
        watermarks[tenant] = reached
        schedule.committed(tenant: tenant, watermark: token(reached), now: at(now))
        waitingSince[tenant] = reached < head ? now : nil
      }
      let turnMs = (tenantCount / limit + 1) * roundMs
      let bound = options.longestAgeMs + 2 * (backOffMs + turnMs) + turnMs
      for (tenant, since) in waitingSince {
        #expect(now - since <= bound, "tenant \(tenant.rawValue) waits since \(since) at \(now)")
      }
    }
  }
}
