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

  @Test func aVoidTokenIsToldAtOnceWhetherTheWatermarkHasPassedItOrNot() {
    let voids = VoidRanges([
      VoidRanges.Range(first: VisibilityToken(4), last: VisibilityToken(9))
    ])
    for (token, watermark) in [(4, 3), (9, 3), (4, 9), (9, 12)] {
      let flow = BarrierProtocol(token: VisibilityToken(Int64(token)), allowsDeadLetters: true)
      #expect(
        flow.readProgress(
          head: VisibilityToken(12), watermark: VisibilityToken(Int64(watermark)), voids: voids)
          == .fail(.tokenVoid))
    }
    let kept = BarrierProtocol(token: VisibilityToken(3), allowsDeadLetters: true)
    #expect(
      kept.readProgress(head: VisibilityToken(12), watermark: VisibilityToken(2), voids: voids)
        == .wait)
    let next = BarrierProtocol(token: VisibilityToken(10), allowsDeadLetters: true)
    #expect(
      next.readProgress(head: VisibilityToken(12), watermark: VisibilityToken(12), voids: voids)
        == .answer)
  }
}
