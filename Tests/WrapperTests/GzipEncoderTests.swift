import Testing
import Zlib

@Suite struct GzipEncoderTests {
  private static func decode(_ bytes: [UInt8]) throws -> [UInt8] {
    let decoder = try GzipDecoder()
    var text: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 10_000)
    var position = 0
    while position < bytes.count {
      let (consumed, produced) = try bytes[position...].withUnsafeBytes { source in
        try room.withUnsafeMutableBytes { try decoder.decode(source, into: $0) }
      }
      text += room[..<produced]
      position += consumed
    }
    while case let produced = try room.withUnsafeMutableBytes({ try decoder.drain(into: $0) }),
      produced > 0
    {
      text += room[..<produced]
    }
    try decoder.finish()
    return text
  }

  @Test(arguments: [0, 1, 7, 65_536, 300_000])
  func piecesOfAnySizeComeBackAsOneText(size: Int) throws {
    let encoder = try GzipEncoder(level: 4)
    var text: [UInt8] = []
    var coded: [UInt8] = []
    for round in 0..<5 {
      // Neither all alike nor without any pattern.
      let piece = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* $0 &+ round &* $0 / 7) }
      text += piece
      coded += encoder.encode(piece)
    }
    coded += encoder.finish()
    #expect(coded.starts(with: [0x1F, 0x8B]))
    #expect(try Self.decode(coded) == text)
  }

  @Test func aTextWithoutItsEndIsCutShort() throws {
    let encoder = try GzipEncoder(level: 1)
    let coded = encoder.encode(Array("hello".utf8)) + encoder.finish()
    #expect(throws: GzipError.truncated) { try Self.decode(Array(coded.dropLast())) }
  }

  @Test func anEncoderThatIsDroppedHalfWayIsFreed() throws {
    for _ in 0..<100 { _ = try GzipEncoder(level: 4).encode([1, 2, 3]) }
  }
}
