import Testing
import Zstd

@Suite struct ZstdTests {
  @Test(arguments: [0, 1, 2, 100, 65_537, 1 << 20])
  func bytesComeBackAsTheyWere(_ count: Int) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
    let frame = Zstd.compress(bytes)
    #expect(try Zstd.decompress(frame, limit: count) == bytes)
  }

  @Test func whatRepeatsTakesLessSpace() {
    #expect(Zstd.compress(Array(repeating: 7, count: 100_000)).count < 1_000)
  }

  @Test func aFrameLargerThanTheLimitIsRefusedBeforeItIsUnpacked() {
    let frame = Zstd.compress(Array(repeating: 7, count: 100_000))
    #expect(throws: Zstd.Failure.tooLarge) { try Zstd.decompress(frame, limit: 99_999) }
  }

  @Test func bytesThatAreNoFrameAreDamaged() {
    #expect(throws: Zstd.Failure.damaged) { try Zstd.decompress([], limit: 10) }
    #expect(throws: Zstd.Failure.damaged) { try Zstd.decompress([1, 2, 3, 4, 5], limit: 10) }
  }

  @Test func aFrameThatEndsEarlyOrGoesOnIsDamaged() {
    let frame = Zstd.compress((0..<5_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 2) })
    for length in stride(from: 0, to: frame.count, by: 37) {
      #expect(throws: Zstd.Failure.damaged) {
        try Zstd.decompress(Array(frame[..<length]), limit: 5_000)
      }
    }
    #expect(throws: Zstd.Failure.damaged) { try Zstd.decompress(frame + [1], limit: 5_000) }
    #expect(throws: Zstd.Failure.damaged) { try Zstd.decompress(frame + frame, limit: 5_000) }
  }
}
