import API
import Model
import Runtime
import Testing

@Suite struct RateBucketTests {
  private static func instant(_ seconds: Double) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: Int64(seconds * 1e9))
  }

  @Test func theLongRunRateHoldsWhateverTheSizesAre() {
    var random = SeededGenerator(seed: 7)
    var bucket = RateBucket(rate: 1_000, burst: 500, now: Self.instant(0))
    var now = 0.0
    var passed = 0.0
    while now < 1_000 {
      now += Double.random(in: 0...0.2, using: &random)
      guard bucket.delay(now: Self.instant(now)) == nil else { continue }
      let cost = Double.random(in: 1...2_000, using: &random)
      bucket.charge(cost, now: Self.instant(now))
      passed += cost
    }
    #expect(passed <= 1_000 * 1_000 + 500 + 2_000)
    #expect(passed >= 1_000 * 1_000 * 0.85)
  }

  @Test func whoWaitsAsLongAsToldIsLetIn() {
    var bucket = RateBucket(rate: 10, burst: 10, now: Self.instant(0))
    bucket.charge(1_234, now: Self.instant(0))
    guard let delay = bucket.delay(now: Self.instant(0)) else {
      Issue.record("a bucket in debt lets nobody in")
      return
    }
    let told = MonotonicInstant(nanoseconds: delay.saturatedNanoseconds)
    let early = bucket.delay(now: told.advanced(by: .milliseconds(-1)))
    #expect(early != nil)
    let inTime = bucket.delay(now: told)
    #expect(inTime == nil)
  }

  @Test func anIdleBucketHoldsNoMoreThanItsBurst() {
    var bucket = RateBucket(rate: 10, burst: 10, now: Self.instant(0))
    bucket.charge(10, now: Self.instant(3_600))
    let delay = bucket.delay(now: Self.instant(3_600))
    #expect(delay != nil)
    let isFull = bucket.isFull(now: Self.instant(3_602))
    #expect(isFull)
  }
}

@Suite struct RateLimiterTests {
  @Test func tenantsHaveRatesOfTheirOwnAndUnusedOnesAreForgotten() {
    let clock = ManualClock()
    var rates = Limits.Rates()
    rates.requestsPerSecond = 2
    rates.eventsPerSecond = 100
    let limiter = RateLimiter(rates, clock: clock)
    #expect(limiter.admit(tenant: "a", checking: [.requests]) == nil)
    #expect(limiter.admit(tenant: "a", checking: [.requests]) == nil)
    #expect(limiter.admit(tenant: "a", checking: [.requests]) != nil)
    #expect(limiter.admit(tenant: "b", checking: [.requests]) == nil)
    limiter.charge(tenant: "b", events: 1_000, bytes: 1)
    #expect(limiter.admit(tenant: "b", checking: [.requests, .events]) != nil)
    #expect(limiter.admit(tenant: "b", checking: [.requests]) == nil)
    clock.advance(by: .seconds(10))
    for number in 0..<2_000 { _ = limiter.admit(tenant: "t\(number)", checking: [.requests]) }
    #expect(limiter.admit(tenant: "b", checking: [.requests, .events]) == nil)
  }

  @Test func withoutRatesEverybodyIsLetIn() {
    let limiter = RateLimiter(Limits.Rates(), clock: ManualClock())
    #expect(limiter.isUnlimited)
    for _ in 0..<1_000 { #expect(limiter.admit(tenant: "a", checking: [.requests]) == nil) }
  }
}

@Suite struct PendingEventsTests {
  private let tenant = TenantID(1)
  private let other = TenantID(2)

  @Test func oneTenantsBacklogLeavesRoomToTheOthers() {
    let pending = PendingEvents(perTenant: 100, inAll: 150, clock: ManualClock())
    pending.published(tenant: tenant, head: VisibilityToken(100))
    #expect(pending.admit(tenant: other, 50) == .admitted)
    guard case .refused(isTenantsOwn: true, _) = pending.admit(tenant: tenant, 1) else {
      Issue.record("a full tenant was admitted")
      return
    }
    guard case .refused(isTenantsOwn: false, _) = pending.admit(tenant: other, 51) else {
      Issue.record("more than all may have was admitted")
      return
    }
    pending.visible(tenant: tenant, watermark: VisibilityToken(100))
    #expect(pending.admit(tenant: tenant, 100) == .admitted)
  }

  @Test func theTimeToRetryIsTheExcessOverTheRateAtWhichEventsBecameVisible() {
    let clock = ManualClock()
    let pending = PendingEvents(perTenant: 1_000, inAll: 1_000_000, clock: clock)
    pending.published(tenant: tenant, head: VisibilityToken(10_000))
    pending.visible(tenant: tenant, watermark: VisibilityToken(0))
    // A thousand a second, for longer than the estimate remembers.
    for second in 1...30 {
      clock.advance(by: .milliseconds(100))
      pending.visible(tenant: tenant, watermark: VisibilityToken(Int64(second) * 100))
    }
    // 7,000 are pending: 6,001 too many for one more, which takes about seven seconds.
    guard case .refused(_, let seconds) = pending.admit(tenant: tenant, 1) else {
      Issue.record("a full tenant was admitted")
      return
    }
    #expect((5...16).contains(seconds))
  }
}
