import Consistency
import Testing

/// What clients are told of a group, for each way that sending it can go.
@Suite struct PublishProtocolTests {
  private func end(
    _ replies: [PublishProtocol.Reply], attempts: Int = 3
  ) -> [PublishProtocol.Action] {
    var flow = PublishProtocol(attemptLimit: attempts)
    return [flow.begin()] + replies.map { flow.received($0) }
  }

  @Test func aDurableGroupIsAcknowledged() {
    #expect(end([.durable]) == [.send, .acknowledge])
  }

  @Test func aGroupWithoutAnAnswerIsSentAgainAndThenToldOf() {
    #expect(end([.outcomeUnknown, .durable]) == [.send, .send, .acknowledge])
    #expect(
      end([.outcomeUnknown, .outcomeUnknown, .outcomeUnknown])
        == [.send, .send, .send, .reportUnknown])
    #expect(end([.outcomeUnknown], attempts: 1) == [.send, .reportUnknown])
  }

  @Test func onlyAGroupThatWasNeverInDoubtIsCalledRefused() {
    #expect(end([.certainlyNotApplied]) == [.send, .refuse])
    // The first sending may be durable, whatever became of the second.
    #expect(end([.outcomeUnknown, .certainlyNotApplied]) == [.send, .send, .reportUnknown])
  }
}
