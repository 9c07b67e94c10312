import Digest
import Edge
import Model
import Testing
import Zstd

@Suite struct ContentDecoderTests {
  private func decode(
    _ body: [UInt8], _ encoding: ContentDecoder.Encoding, maximumBytes: Int = 1 << 24,
    piece: () -> Int = { .max }
  ) throws(BatchError) -> [UInt8] {
    let decoder = try ContentDecoder(encoding, maximumBytes: maximumBytes)
    var decoded: [UInt8] = []
    var rest = body[...]
    while !rest.isEmpty {
      let part = Array(rest.prefix(piece()))
      rest = rest.dropFirst(part.count)
      try decoder.decode(part) { (bytes) throws(BatchError) in decoded += Array(bytes) }
    }
    try decoder.finish()
    #expect(decoder.producedBytes == decoded.count)
    return decoded
  }

  private static let text: [UInt8] = (0..<400_000).map { UInt8(truncatingIfNeeded: $0 * $0 / 7) }

  @Test(arguments: 1...10)
  func framesOneAfterTheOtherComeOutAsOneBody(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let frames = Zstd.compress(Self.text) + Zstd.compress(Array(Self.text.prefix(10)))
    let decoded = try decode(frames, .zstd, piece: { 1 + random.below(3_000) })
    #expect(decoded == Self.text + Array(Self.text.prefix(10)))
  }

  @Test func aBodyCutShortOrDamagedIsRefused() {
    let frame = Zstd.compress(Self.text)
    #expect(throws: BatchError.damagedCompression) { _ = try decode(frame.dropLast(5) + [], .zstd) }
    #expect(throws: BatchError.damagedCompression) { _ = try decode([1, 2, 3, 4, 5], .zstd) }
    #expect(throws: BatchError.damagedCompression) { _ = try decode([0x1F, 0x8B, 8], .gzip) }
    #expect(throws: BatchError.damagedCompression) { _ = try decode(Self.text, .gzip) }
  }

  @Test func aSmallBodyThatUnfoldsToALargeOneStopsAtTheBound() {
    let bomb = Zstd.compress([UInt8](repeating: 0, count: 50 << 20))
    #expect(bomb.count < 1 << 20)
    #expect(throws: BatchError.bodyTooLarge(maximum: 1 << 20)) {
      _ = try decode(bomb, .zstd, maximumBytes: 1 << 20)
    }
  }

  @Test func keysAndContentsOfBatchesAreTheirOwn() {
    let (tenant, table) = (TenantID(1), TableID(2))
    let key = BatchHasher.key(of: Array("k".utf8), tenant: tenant, table: table)
    #expect(key == BatchHasher.key(of: Array("k".utf8), tenant: tenant, table: table))
    let others = [
      BatchHasher.key(of: Array("k".utf8), tenant: tenant, table: TableID(3)),
      BatchHasher.key(of: Array("k".utf8), tenant: TenantID(2), table: table),
      BatchHasher.producer(Array("k".utf8), tenant: tenant, table: table),
      BatchHasher.key(
        producer: Array("k".utf8), epoch: 1, sequence: 2, tenant: tenant, table: table),
      BatchHasher.key(
        producer: Array("k".utf8), epoch: 2, sequence: 1, tenant: tenant, table: table),
    ]
    #expect(Set([key] + others).count == 6)
    let digest = SHA256.digest(of: [1])
    let contents = [
      BatchHasher.content(digest, mediaType: "text/csv", operation: .insert),
      BatchHasher.content(digest, mediaType: "text/csv", operation: .upsert),
      BatchHasher.content(digest, mediaType: "application/x-ndjson", operation: .insert),
      BatchHasher.content(SHA256.digest(of: [2]), mediaType: "text/csv", operation: .insert),
    ]
    #expect(Set(contents).count == 4)
  }
}
