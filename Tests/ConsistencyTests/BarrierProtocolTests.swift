import Consistency
import Model
import Testing

/// When a reader who names a token is answered, and when it is refused.
@Suite struct BarrierProtocolTests {
  private let flow = BarrierProtocol(token: VisibilityToken(5), allowsDeadLetters: true)

  @Test func aTokenBeyondTheHeadWasNeverIssued() {
    #expect(
      flow.readProgress(head: VisibilityToken(4), watermark: VisibilityToken(4))
        == .fail(.tokenNeverIssued))
  }

  @Test func aTokenThatIsVisibleNeedsNoWait() {
    #expect(
      flow.readProgress(head: VisibilityToken(9), watermark: VisibilityToken(5)) == .answer)
    #expect(flow.readProgress(head: VisibilityToken(9), watermark: VisibilityToken(4)) == .wait)
  }

  @Test func beingReleasedIsAReasonToLookAndNoAnswer() {
    #expect(flow.waited(.released) == .readLatestSnapshot)
    #expect(flow.readSnapshot(watermark: VisibilityToken(4)) == .fail(.notReached))
    #expect(flow.readSnapshot(watermark: VisibilityToken(6)) == .answer)
  }

  @Test func aWaitThatEndsOtherwiseFails() {
    #expect(flow.waited(.timedOut) == .fail(.notReached))
    #expect(flow.waited(.refused) == .fail(.tooManyWaiters))
    #expect(flow.waited(.cancelled) == .fail(.cancelled))
  }

  @Test func whoWantsNoDeadLettersHasTheirTokenLookedUp() {
    let strict = BarrierProtocol(token: VisibilityToken(5), allowsDeadLetters: false)
    #expect(strict.readSnapshot(watermark: VisibilityToken(5)) == .readDeadLetter)
    #expect(strict.readDeadLetter(isOne: true) == .fail(.deadLettered))
    #expect(strict.readDeadLetter(isOne: false) == .answer)
  }
}
