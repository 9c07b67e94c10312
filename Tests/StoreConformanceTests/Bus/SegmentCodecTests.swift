import IngestBus
import Model
import Testing
import Zstd

@Suite struct SegmentCodecTests {
  @Test(arguments: Array(UInt64(1)...20))
  func runsComeBackAsTheyWere(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let runs = (0..<random.below(5)).map { _ in randomRun(&random) }
    let body = SegmentCodec.encode(runs)
    #expect(body.recordCount == runs.reduce(0) { $0 + $1.records.count })
    #expect(try SegmentCodec.decode(body) == runs)
  }

  /// Whatever a damaged disk hands back is refused or decodes to something; it never traps.
  @Test(arguments: Array(UInt64(1)...20))
  func damagedBytesAreRefused(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let body = SegmentCodec.encode([randomRun(&random), randomRun(&random)])
    let plain = try Zstd.decompress(body.compressed, limit: 1 << 20)
    for _ in 0..<200 {
      var bytes = plain
      switch random.below(3) {
      case 0: bytes.removeLast(1 + random.below(bytes.count))
      case 1: bytes[random.below(bytes.count)] = UInt8(random.below(256))
      default: bytes.insert(0xff, at: random.below(bytes.count))
      }
      let damaged = SegmentBody(
        compressed: Zstd.compress(bytes), recordCount: body.recordCount, byteCount: bytes.count)
      if let runs = try? SegmentCodec.decode(damaged) {
        #expect(runs.reduce(0) { $0 + $1.records.count } == body.recordCount)
      }
    }
  }

  private static let staged = StagedBatch(
    table: TableID(7), schemaVersion: 3, traceID: "trace", operation: .upsert,
    idempotencyKey: [1, 2], upload: UploadID("upload"),
    files: [
      .init(
        name: "0.parquet", recordCount: 5, byteCount: 600, footerByteCount: 70,
        columns: [
          .init(
            id: 1, byteCount: 8, valueCount: 4, nullCount: 1, minimum: "a", maximum: nil,
            containsNaN: true),
          .init(
            id: 9, byteCount: 0, valueCount: 0, nullCount: nil, minimum: nil, maximum: "",
            containsNaN: nil),
        ])
    ],
    rejected: [
      .init(position: 0, reason: "R", message: "m", payload: [3]),
      .init(position: 6, reason: "R", message: "", payload: []),
    ])

  @Test func aBatchInFilesComesBackAsItWas() throws {
    let body = SegmentCodec.encode(Self.staged)
    #expect(body.recordCount == 7)
    #expect(try SegmentCodec.content(of: body) == .staged(Self.staged))
    // Whoever knows only records must not take it for one without any.
    #expect(throws: SegmentCodec.Failure.damaged) { try SegmentCodec.decode(body) }
  }

  @Test(arguments: Array(UInt64(1)...10))
  func damagedBytesOfABatchInFilesAreRefused(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let body = SegmentCodec.encode(Self.staged)
    let plain = try Zstd.decompress(body.compressed, limit: 1 << 20)
    for _ in 0..<300 {
      var bytes = plain
      switch random.below(3) {
      case 0: bytes.removeLast(1 + random.below(bytes.count))
      case 1: bytes[random.below(bytes.count)] = UInt8(random.below(256))
      default: bytes.insert(0xff, at: random.below(bytes.count))
      }
      let damaged = SegmentBody(
        compressed: Zstd.compress(bytes), recordCount: body.recordCount, byteCount: bytes.count)
      if case .staged(let batch)? = try? SegmentCodec.content(of: damaged) {
        #expect(batch.recordCount == body.recordCount)
      }
    }
  }

  @Test func countsThatDoNotFitTheBytesAreRefused() {
    let run = EventRun(
      table: TableID(1), schemaVersion: 1, traceID: "",
      records: [EventRecord(operation: .upsert, idempotencyKey: [1], payload: [2])])
    let body = SegmentCodec.encode([run])
    for (records, bytes) in [(0, 0), (2, 0), (-1, 0), (1, 1), (1, -1)] {
      let wrong = SegmentBody(
        compressed: body.compressed, recordCount: records, byteCount: body.byteCount + bytes)
      #expect(throws: SegmentCodec.Failure.damaged) { try SegmentCodec.decode(wrong) }
    }
  }

  @Test func skippedPositionsComeBackAsTheyWere() throws {
    for positions in [[0], [0, 1, 2], [5], [0, 127, 128, 70_000], Array(300..<400)] {
      let bytes = try #require(SkipList.encode(positions))
      #expect(SkipList.decode(bytes) == positions)
    }
    #expect(SkipList.encode([]) == nil)
    #expect(SkipList.decode([]) == [])
    #expect(SkipList.decode([0x80]) == nil)
    #expect(SkipList.decode(Array(repeating: 0xff, count: 11)) == nil)
  }

  private func randomRun(_ random: inout SeededGenerator) -> EventRun {
    let operations: [IngestOperation] = [.insert, .upsert, .delete]
    let records = (0..<random.below(30)).map { _ in
      EventRecord(
        operation: operations[random.below(3)],
        idempotencyKey: (0..<random.below(200)).map { _ in UInt8(random.below(256)) },
        payload: (0..<random.below(300)).map { _ in UInt8(random.below(256)) },
        rejection: random.chance(20) ? "column \"x\": not a number \u{1F986}" : nil)
    }
    return EventRun(
      table: TableID(Int64(random.below(1 << 40))), schemaVersion: Int64(random.below(300)),
      traceID: random.chance(50) ? "" : "0af7651916cd43dd8448eb211c80319c", records: records)
  }
}
