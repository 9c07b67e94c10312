import Glibc
import Runtime
import Sandbox
import Testing
import WorkerProtocol

@Suite struct FrameTests {
  private static func withSockets(
    _ body: @Sendable (FrameSocket, FrameSocket) throws -> Void
  ) throws {
    var pair: [Int32] = [-1, -1]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
    defer {
      close(pair[0])
      close(pair[1])
    }
    try body(FrameSocket(descriptor: pair[0]), FrameSocket(descriptor: pair[1]))
  }

  @Test func messagesComeOutAsTheyWentIn() throws {
    func check<Message: FrameMessage & Equatable>(_ message: Message) throws {
      let decoded = try Message(decoding: message.body)
      #expect(decoded == message)
      // Whatever is cut off must be noticed.
      for length in 0..<message.body.count {
        #expect(throws: FrameError.malformed) {
          try Message(decoding: Array(message.body.prefix(length)))
        }
      }
      #expect(throws: FrameError.malformed) { try Message(decoding: message.body + [0]) }
    }
    try check(ReadyMessage(addressSpaceBytes: .max, threadCount: 1))
    try check(
      BindMessage(
        readableFolders: ["/a", "/b"], temporaryFolder: "/t", memoryLimitBytes: 1,
        temporaryLimitBytes: 2, threads: 3, openFileLimit: 4, mode: .prefer, landlockABILimit: nil,
        unprivilegedUserID: 65534))
    try check(BoundMessage(layers: [SandboxLayer(name: "landlock", holds: true, detail: "ABI 7")]))
    try check(
      QueryMessage(
        id: 7, query: WorkerQuery(sql: "SELECT 'ü'", parameters: [91, 93], format: .csv)))
    try check(NeedMessage(tables: ["a", "B"], wantsListing: true))
    try check(
      NeedMessage(
        tables: ["a"], wantsListing: false,
        filters: [
          ScanFilter(
            table: "a", column: "x", comparison: .isIn,
            constants: [.integer("-5"), .text("ä"), .typed(text: "2024-01-01", type: "DATE")]),
          ScanFilter(table: "a", column: "x", comparison: .isGreaterOrEqual, constants: []),
        ]))
    try check(RelationsMessage.abandoned)
    try check(
      RelationsMessage.resolved(
        ResolvedRelations(
          relations: [RelationDefinition(name: "a", select: "SELECT 1", setup: ["x"])],
          listing: [
            ListedTable(
              name: "a",
              columns: [
                ListedColumn(
                  name: "b", type: "BIGINT", isNullable: false, defaultText: "1", comment: "d")
              ], comment: "c")
          ])))
    try check(AnswerHead(columns: ["a"], types: ["BIGINT"]))
    try check(AnswerEnd(rowCount: 1, truncated: true, durationMicroseconds: 2))
    try check(QueryFailure(.memoryExceeded, "too much", retiresWorker: true))
    try check(CancelMessage(id: 1))
  }

  @Test func aLyingCountReservesNoMemory() {
    #expect(throws: FrameError.malformed) {
      try NeedMessage(decoding: [0xFF, 0xFF, 0xFF, 0xFF, 0])
    }
  }

  @Test func framesCrossASocket() async throws {
    try await Blocking.run {
      try Self.withSockets { left, right in
        try left.send(.cancel, [])
        try left.send(.rows, [1, 2, 3])
        let empty = try right.receive()
        let rows = try right.receive()
        #expect(empty.kind == .cancel && empty.body.isEmpty)
        #expect(rows.kind == .rows && rows.body == [1, 2, 3])
        #expect(throws: FrameError.tooLong) {
          try left.send(.rows, [UInt8](repeating: 0, count: FrameSocket.maximumBodyBytes + 1))
        }
      }
    }
  }

  @Test func nonsenseOnTheSocketIsRefused() async throws {
    try await Blocking.run {
      for (bytes, expected): ([UInt8], FrameError) in [
        ([0, 0, 0, 0, 200], .malformed), ([0xFF, 0xFF, 0xFF, 0xFF, 1], .tooLong),
        ([1, 0], .closed), ([5, 0, 0, 0, 1, 9], .closed),
      ] {
        try Self.withSockets { left, right in
          _ = bytes.withUnsafeBytes { write(left.descriptor, $0.baseAddress, $0.count) }
          shutdown(left.descriptor, Int32(SHUT_WR))
          #expect(throws: expected) { _ = try right.receive() }
        }
      }
    }
  }
}
