import Testing
import Zstd

@Suite struct ZstdTests {
  @Test(arguments: [0, 1, 2, 100, 65_537, 1 << 20])
  func bytesComeBackAsTheyWere(_ count: Int) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
    let frame = Zstd.compress(bytes)
    #expect(try Zstd.decompress(frame, limit: count) == bytes)
  }

  @Test func aFrameDoesNotDependOnTheFramesBefore() throws {
    let bytes = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 5) }
    let frame = Zstd.compress(bytes)
    for count in [0, 3, 100_000, 8 << 20] {
      let other = [UInt8](repeating: 3, count: count)
      #expect(try Zstd.decompress(Zstd.compress(other), limit: count) == other)
      // Refused ones in between leave nothing behind either.
      #expect(throws: Zstd.Failure.damaged) {
        try Zstd.decompress(Array(frame.dropLast()), limit: bytes.count)
      }
      #expect(Zstd.compress(bytes) == frame)
      #expect(try Zstd.decompress(frame, limit: bytes.count) == bytes)
    }
  }

  @Test func framesAreMadeAndReadByManyThreadsAtOnce() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for seed in 1...40 {
        group.addTask {
          for size in 1...40 {
            let bytes = (0..<size * 97).map { UInt8(truncatingIfNeeded: $0 &* seed >> 3) }
            let back = try Zstd.decompress(Zstd.compress(bytes), limit: bytes.count)
            #expect(back == bytes)
          }
        }
      }
      try await group.waitForAll()
    }
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
