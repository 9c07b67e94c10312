import Observability
import Testing

@Suite struct TraceNumbersTests {
  @Test func theCipherIsTheOneThatWasPublished() {
    // The test vector of Speck128/128 in the paper's appendix C.
    let numbers = TraceNumbers(keyHigh: 0x0f0e_0d0c_0b0a_0908, keyLow: 0x0706_0504_0302_0100)
    let block = numbers.enciphered(high: 0x6c61_7669_7571_6520, low: 0x7469_2065_6461_6d20)
    #expect(block.high == 0xa65d_9851_7978_3265)
    #expect(block.low == 0x7860_fedf_5c57_0d18)
  }

  @Test func manyThreadsDrawnFromAtOnceGetNumbersThatAllDiffer() async {
    let numbers = TraceNumbers(keyHigh: 1, keyLow: 2)
    let drawn = await withTaskGroup(of: [TraceContext].self) { group in
      for _ in 0..<8 {
        group.addTask { (0..<5_000).map { _ in TraceContext.generate(from: numbers) } }
      }
      var all: [TraceContext] = []
      for await part in group { all += part }
      return all
    }
    #expect(Set(drawn.map(\.traceId)).count == 40_000)
    #expect(Set(drawn.map(\.spanId)).count == 40_000)
    #expect(drawn.allSatisfy { TraceContext(traceparent: $0.traceparent) != nil })
  }

  @Test func processesWithKeysOfTheirOwnHaveNumbersOfTheirOwn() {
    let one = TraceNumbers(keyHigh: 1, keyLow: 2)
    let other = TraceNumbers(keyHigh: 1, keyLow: 3)
    let ids = (0..<1_000).flatMap { _ in
      [TraceContext.generate(from: one).traceId, TraceContext.generate(from: other).traceId]
    }
    #expect(Set(ids).count == 2_000)
  }

  /// Half of all bits change from one to the next, on average and in every place.
  @Test func neighboursHaveNothingInCommon() {
    let numbers = TraceNumbers(keyHigh: 7, keyLow: 11)
    var flips = [Int](repeating: 0, count: 128)
    var last = numbers.next()
    for _ in 0..<10_000 {
      let number = numbers.next()
      for bit in 0..<64 {
        flips[bit] += Int((number.low ^ last.low) >> UInt64(bit) & 1)
        flips[64 + bit] += Int((number.high ^ last.high) >> UInt64(bit) & 1)
      }
      last = number
    }
    #expect(flips.allSatisfy { (4_600...5_400).contains($0) })
  }

  @Test func aSpanOfACallersTraceIsDrawnLikeAny() throws {
    let caller = try #require(
      TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
    let numbers = TraceNumbers(keyHigh: 5, keyLow: 6)
    let spans = (0..<1_000).map { _ in caller.child(from: numbers) }
    #expect(Set(spans.map(\.spanId)).count == 1_000)
    #expect(spans.allSatisfy { $0.traceId == caller.traceId && $0.parentSpanId == caller.spanId })
  }
}
