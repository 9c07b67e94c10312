import Testing
import Zstd

/// That other programs read the frames is seen where whole answers are compressed.
@Suite struct ZstdEncoderTests {
  @Test func aFrameIsLittleAndBeginsWithItsMark() throws {
    let encoder = try ZstdEncoder(level: 1)
    var coded: [UInt8] = []
    for _ in 0..<100 { coded += try encoder.encode([UInt8](repeating: 7, count: 10_000)) }
    coded += try encoder.finish()
    #expect(coded.starts(with: [0x28, 0xB5, 0x2F, 0xFD]))
    #expect(coded.count < 10_000)
  }

  @Test func nothingIsAFrameToo() throws {
    let encoder = try ZstdEncoder(level: 1)
    #expect(try encoder.encode([]).isEmpty)
    #expect(try encoder.finish().starts(with: [0x28, 0xB5, 0x2F, 0xFD]))
  }
}
