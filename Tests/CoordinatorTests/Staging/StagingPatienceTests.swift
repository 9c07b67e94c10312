import Coordinator
import Runtime
import Testing

/// How long a staging child is waited for.
@Suite struct StagingPatienceTests {
  private static let now = MonotonicInstant(nanoseconds: 5)

  private static func wait(_ patience: StagingPatience, atMostSeconds seconds: Int) -> Duration {
    patience.deadline(atMostSeconds: seconds, from: now) - now
  }

  @Test func anExchangeHasItsOwnBoundAsLongAsTheTotalAllowsIt() {
    var patience = StagingPatience(totalSeconds: 10)
    #expect(Self.wait(patience, atMostSeconds: 4) == .seconds(4))
    patience.spend(.seconds(7))
    #expect(Self.wait(patience, atMostSeconds: 4) == .seconds(3))
    patience.spend(.seconds(2))
    #expect(Self.wait(patience, atMostSeconds: 4) == .seconds(1))
  }

  @Test func whatIsUsedUpStaysUsedUp() {
    var patience = StagingPatience(totalSeconds: 10)
    patience.spend(.seconds(11))
    #expect(Self.wait(patience, atMostSeconds: 4) == .zero)
    // A clock that goes back gives nothing back.
    patience.spend(.seconds(-5))
    #expect(Self.wait(patience, atMostSeconds: 4) == .zero)
  }
}
