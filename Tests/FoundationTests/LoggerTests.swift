import Dispatch
import Foundation
import Observability
import Runtime
import Testing

/// A pipe whose reading end a test holds.
private final class LogPipe: Sendable {
  let readEnd: Int32
  let writeEnd: Int32

  init() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    readEnd = ends[0]
    writeEnd = ends[1]
  }

  deinit { close(readEnd) }

  func closeWriteEnd() { close(writeEnd) }

  /// Reads to the end on a thread of its own.
  func readAll() async throws -> String {
    let executor = try BlockingExecutor(name: "reader", threadCount: 1, queueLimit: 1)
    return try await executor.run { [readEnd] in
      var all: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while true {
        let count = read(readEnd, &buffer, buffer.count)
        if count <= 0 { break }
        all.append(contentsOf: buffer[..<count])
      }
      return String(decoding: all, as: UTF8.self)
    }
  }
}

private func flush(_ logger: Logger) async throws -> Bool {
  let executor = try BlockingExecutor(name: "flusher", threadCount: 1, queueLimit: 1)
  return try await executor.run { logger.flush(timeoutMs: 60_000) }
}

@Suite struct LoggerTests {
  private let wallClock = ManualWallClock(microseconds: 1_709_210_096_123_456)

  private func objects(_ text: String) throws -> [[String: Any]] {
    try text.split(separator: "\n").map { line in
      try #require(
        try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
    }
  }

  @Test func aLineHasTheRequiredFieldsInOrderAndThoseGiven() async throws {
    let pipe = try LogPipe()
    let logger = try Logger.start(
      service: "duckmesh", minimumLevel: .info, descriptor: pipe.writeEnd, wallClock: wallClock)
    logger.debug("not written")
    logger.with(tenantId: "acme", traceId: "abc").error(
      "commit failed", errorCode: "STORAGE_FULL", [.attempt: 3, .detail: "no \"space\"\n"])
    #expect(try await flush(logger))
    pipe.closeWriteEnd()
    let text = try await pipe.readAll()
    #expect(
      text == """
        {"timestamp":"2024-02-29T12:34:56.123Z","level":"error","service":"duckmesh",\
        "message":"commit failed","tenant_id":"acme","trace_id":"abc",\
        "error_code":"STORAGE_FULL","attempt":3,"detail":"no \\"space\\"\\n"}

        """)
  }

  @Test func everyTextIsValidJSONOnOneLine() async throws {
    let pipe = try LogPipe()
    let logger = try Logger.start(
      service: "duckmesh", minimumLevel: .debug, descriptor: pipe.writeEnd)
    let hostile = [
      "\u{0}\u{1}\u{1F}\u{7F}\u{9B}", "\"\\\r\n\t", "日本語 🦆 \u{2028}\u{2029}", #"{"a":1}"#, "",
    ]
    for text in hostile {
      logger.info("text", [.detail: .string(text), .roles: .strings([text, text])])
    }
    logger.info("numbers", [.durationMs: .number(.nan), .attempt: .number(1e300), .state: true])
    #expect(try await flush(logger))
    pipe.closeWriteEnd()
    let lines = try objects(try await pipe.readAll())
    #expect(lines.count == hostile.count + 1)
    for (line, text) in zip(lines, hostile) {
      #expect(line["detail"] as? String == text)
      #expect(line["roles"] as? [String] == [text, text])
    }
    #expect(lines.last?["duration_ms"] as? String == "nan")
  }

  @Test func aLongTextIsCut() async throws {
    let pipe = try LogPipe()
    let logger = try Logger.start(
      service: "duckmesh", minimumLevel: .debug, descriptor: pipe.writeEnd)
    logger.info("long", [.detail: .string(String(repeating: "é", count: 30_000))])
    #expect(try await flush(logger))
    pipe.closeWriteEnd()
    let line = try #require(try objects(try await pipe.readAll()).first)
    let detail = try #require(line["detail"] as? String)
    #expect(detail.utf8.count <= LogWriter.maximumTextBytes + 8)
    #expect(detail.hasSuffix("…"))
  }

  @Test func aReaderThatStallsCostsCountedLinesAndNeverBlocksTheCaller() async throws {
    let pipe = try LogPipe()
    let logger = try Logger.start(
      service: "duckmesh", minimumLevel: .debug, descriptor: pipe.writeEnd)
    let total = 60_000
    // Nobody reads: more than the pipe and the queue hold. Returning at all is the point.
    for index in 0..<total {
      logger.info("line", [.attempt: LogValue(index)])
    }
    let dropped = logger.droppedLines
    #expect(dropped > 0)
    async let text = pipe.readAll()
    #expect(try await flush(logger))
    pipe.closeWriteEnd()
    let lines = try objects(try await text)
    let notices = lines.compactMap { $0["dropped_lines"] as? Int }
    #expect(notices.reduce(0, +) == dropped)
    #expect(lines.count - notices.count == total - dropped)
  }

  @Test(arguments: [
    (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
    (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
    (4_107_542_399_999_999, "2100-02-28T23:59:59.999Z"),
    (4_107_542_400_000_000, "2100-03-01T00:00:00.000Z"),
    (253_402_300_799_999_000, "9999-12-31T23:59:59.999Z"),
  ])
  func timestampsAreRFC3339(microseconds: Int64, expected: String) {
    #expect(RFC3339.string(microseconds: microseconds) == expected)
  }
}
