import Consistency
import Testing

@Suite struct ProducerRulesTests {
  private func judge(_ epoch: Int64, _ sequence: Int64, _ state: ProducerState?)
    -> ProducerRules.Verdict
  {
    ProducerRules.judge(epoch: epoch, sequence: sequence, state)
  }

  @Test func theFirstBatchOfAnEpochSetsWhereItsNumbersBegin() {
    #expect(judge(0, 0, nil) == .next)
    #expect(judge(7, 42, nil) == .next)
    #expect(judge(2, 0, ProducerState(epoch: 1, sequence: 9)) == .next)
    #expect(judge(2, 50, ProducerState(epoch: 1, sequence: 9)) == .next)
  }

  @Test func batchesFollowEachOtherAndTheLastFiveMayBeRepeated() {
    let state = ProducerState(epoch: 3, sequence: 10)
    #expect(judge(3, 11, state) == .next)
    for repeated in Int64(6)...10 { #expect(judge(3, repeated, state) == .repeated) }
    #expect(judge(3, 5, state) == .gap(expected: 11))
    #expect(judge(3, 12, state) == .gap(expected: 11))
    #expect(judge(3, 0, ProducerState(epoch: 3, sequence: 0)) == .repeated)
  }

  @Test func anEarlierLifeIsFencedWhateverItsNumber() {
    let state = ProducerState(epoch: 3, sequence: 10)
    for sequence in [Int64(0), 10, 11, .max] {
      #expect(judge(2, sequence, state) == .fenced(current: 3))
    }
  }

  @Test func theLastNumberThereIsHasNoNext() {
    let state = ProducerState(epoch: 1, sequence: .max)
    #expect(judge(1, .max, state) == .repeated)
    #expect(judge(1, 0, state) == .gap(expected: .max))
  }
}
