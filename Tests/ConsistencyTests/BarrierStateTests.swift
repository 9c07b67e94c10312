import Consistency
import Model
import Testing

@Suite struct BarrierStateTests {
  private let tenant = TenantID(1)
  private func mark(_ token: Int64, _ snapshot: Int64 = 1) -> BarrierState.Watermark {
    .init(token: VisibilityToken(token), snapshot: SnapshotID(snapshot))
  }

  @Test func aTokenAtOrBelowTheWatermarkIsVisibleAtOnce() {
    var state = BarrierState(waiterLimit: 2)
    _ = state.advance(tenant: tenant, to: mark(5))
    for token in [Int64(1), 5] {
      let arrival = state.arrive(tenant: tenant, token: VisibilityToken(token))
      #expect(arrival == .alreadyVisible(mark(5)))
    }
    guard case .parked = state.arrive(tenant: tenant, token: VisibilityToken(6)) else {
      Issue.record("let through beyond the watermark")
      return
    }
  }

  @Test func onlyWhoAsksForMoreThanAnyoneIsAFirstDemand() {
    var state = BarrierState(waiterLimit: 10)
    let firsts = [Int64(5), 5, 3, 6].map { token -> Bool? in
      guard
        case .parked(_, let isFirst) = state.arrive(tenant: tenant, token: VisibilityToken(token))
      else { return nil }
      return isFirst
    }
    #expect(firsts == [true, false, false, true])
    #expect(state.demand(of: tenant) == VisibilityToken(6))
    _ = state.advance(tenant: tenant, to: mark(6))
    #expect(state.demand(of: tenant) == nil)
  }

  @Test func theBoundOnWaitersHoldsAndIsGivenBack() {
    var state = BarrierState(waiterLimit: 1)
    guard case .parked(let waiter, _) = state.arrive(tenant: tenant, token: VisibilityToken(1))
    else { return }
    let refused = state.arrive(tenant: TenantID(2), token: VisibilityToken(1))
    #expect(refused == .refused)
    let departures = [state.leave(waiter), state.leave(waiter)]
    #expect(departures == [true, false])
    #expect(state.waiterCount == 0)
    guard case .parked = state.arrive(tenant: TenantID(2), token: VisibilityToken(1)) else {
      Issue.record("the place was not given back")
      return
    }
  }

  @Test func aLowerWatermarkChangesNothing() {
    var state = BarrierState(waiterLimit: 5)
    _ = state.advance(tenant: tenant, to: mark(5, 9))
    let lower = state.advance(tenant: tenant, to: mark(4, 10))
    #expect(lower.isEmpty)
    #expect(state.watermark(of: tenant) == mark(5, 9))
    let later = state.advance(tenant: tenant, to: mark(5, 10))
    #expect(later.isEmpty)
    #expect(state.watermark(of: tenant) == mark(5, 10))
  }

  /// Waiters that come, go and are released at random: each is released once, with a watermark at
  /// or
  /// above its token, as soon as there is one, and none is lost.
  @Test(arguments: Array(UInt64(1)...50))
  func noWaiterIsReleasedEarlyOrLost(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var state = BarrierState(waiterLimit: 30)
    var waiting: [BarrierState.WaiterID: (tenant: TenantID, token: Int64)] = [:]
    var watermarks: [TenantID: Int64] = [:]
    for _ in 0..<500 {
      let tenant = TenantID(Int64(random.below(3)))
      let watermark = watermarks[tenant] ?? 0
      switch random.below(4) {
      case 0, 1:
        let token = watermark + Int64(random.below(20)) - 4
        switch state.arrive(tenant: tenant, token: VisibilityToken(token)) {
        case .alreadyVisible(let found):
          #expect(found.token.rawValue >= token && found.token.rawValue == watermark)
        case .parked(let waiter, _):
          // Without any watermark known, even the lowest token waits for the first.
          #expect(token > watermark || watermarks[tenant] == nil)
          #expect(waiting.updateValue((tenant, token), forKey: waiter) == nil)
        case .refused: #expect(waiting.count == 30)
        }
      case 2:
        let next = watermark + Int64(random.below(9)) - 3
        let released = state.advance(tenant: tenant, to: mark(next))
        if watermarks[tenant] == nil || next > watermark { watermarks[tenant] = next }
        for waiter in released {
          let known = waiting.removeValue(forKey: waiter)
          #expect(known?.tenant == tenant)
          #expect((known?.token ?? .max) <= next)
        }
      default:
        guard let waiter = waiting.keys.randomElement(using: &random) else { continue }
        let wasWaiting = state.leave(waiter)
        #expect(wasWaiting)
        waiting[waiter] = nil
      }
      #expect(state.waiterCount == waiting.count)
      for (tenant, watermark) in watermarks {
        let late = waiting.values.filter { $0.tenant == tenant && $0.token <= watermark }
        #expect(late.isEmpty, "a waiter was passed over")
      }
    }
  }
}
