import Glibc
import HTTPServer
import Synchronization
import Testing

/// Bodies that a handler reads while they arrive.
@Suite struct BodyStreamTests {
  private func hooks(
    limit: Int = 1 << 30, _ handler: @escaping HTTPServerHooks.Handler
  ) -> HTTPServerHooks {
    HTTPServerHooks(
      handler: handler, decideOnHead: { _ in .stream(maxBodyBytes: limit) },
      refusalResponse: wordedRefusal)
  }

  private static func head(_ length: Int) -> String {
    "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: \(length)\r\n\r\n"
  }

  private static func answer(_ text: String) -> HTTPResponse {
    HTTPResponse(status: 200, fields: [], body: Array(text.utf8))
  }

  /// Sums the bytes up and says how it ended.
  private static let summing: HTTPServerHooks.Handler = { request in
    guard let body = request.bodyStream else { return answer("no stream") }
    var count = 0
    var sum = 0
    do {
      while let piece = try await body.next() {
        count += piece.count
        for byte in piece { sum = (sum &* 31 &+ Int(byte)) & 0xFFFF_FFFF }
      }
    } catch {
      return answer("\(error)")
    }
    return answer("\(count) \(sum)")
  }

  private static func sum(_ bytes: [UInt8]) -> String {
    "\(bytes.count) \(bytes.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF_FFFF })"
  }

  @Test func bodiesOfAnySizeArriveWholeAndTheConnectionIsKept() async throws {
    try await withServer(hooks(Self.summing)) { server in
      let port = server.port
      let bodies = [0, 1, 5_000, 3 << 20].map { size in
        (0..<size).map { UInt8(truncatingIfNeeded: $0 * 7 / 3) }
      }
      let answers = try await onThread {
        let client = try RawClient(port: port)
        return try bodies.map { body in
          client.send(Self.head(body.count))
          client.send(body)
          return try client.readAnswer().text
        }
      }
      #expect(answers == bodies.map(Self.sum))
    }
  }

  @Test func chunkedBodiesArriveWhole() async throws {
    try await withServer(hooks(Self.summing)) { server in
      let port = server.port
      let text = try await onThread {
        let client = try RawClient(port: port)
        client.send("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in 0..<100 {
          client.send("3e8\r\n" + String(repeating: "a", count: 1_000) + "\r\n")
        }
        client.send("0\r\n\r\n")
        return try client.readAnswer().text
      }
      #expect(text == Self.sum([UInt8](repeating: 97, count: 100_000)))
    }
  }

  /// What a slow reader has not taken is not held here: the client waits. The reader takes
  /// something only when the client's system has refused to take more, so that a server which
  /// read on by itself would soon hold most of the body.
  @Test func aReaderThatFallsBehindHoldsTheClientBack() async throws {
    let total = 64 << 20
    // Far more than the systems' buffers of a connection, which is all that may be under way.
    let bound = 32 << 20
    let flow = Flow()
    let hooks = hooks { request in
      guard let body = request.bodyStream else { return Self.answer("no stream") }
      do {
        while flow.taken.value < total {
          while !flow.isHeld, flow.sent.value < total { await Task.yield() }
          for _ in 0..<16 {
            flow.noteUnderWay()
            guard let piece = try await body.next() else { break }
            flow.taken.add(piece.count)
          }
        }
        return Self.answer("\(flow.taken.value)")
      } catch {
        return Self.answer("\(error)")
      }
    }
    try await withServer(hooks) { server in
      let port = server.port
      let text = try await onThread {
        let client = try RawClient(port: port)
        client.send(Self.head(total))
        let piece = [UInt8](repeating: 5, count: 1 << 16)
        while flow.sent.value < total {
          let count = client.sendSome(Array(piece.prefix(total - flow.sent.value)))
          guard let count else { return "the server is gone" }
          flow.sent.add(count)
          guard count == 0 else { continue }
          flow.isHeld = true
          guard client.waitUntilItTakesMore() else { return "held for ever" }
          flow.isHeld = false
        }
        return try client.readAnswer().text
      }
      #expect(text == "\(total)")
      #expect(flow.mostUnderWay > 0 && flow.mostUnderWay < bound)
    }
  }

  @Test func anAnswerBeforeTheBodysEndReachesTheClientAndEndsTheConnection() async throws {
    try await withServer(hooks { _ in Self.answer("enough") }) { server in
      let port = server.port
      let text = try await onThread {
        let client = try RawClient(port: port)
        client.send(Self.head(32 << 20))
        let piece = [UInt8](repeating: 5, count: 1 << 16)
        for _ in 0..<64 where client.send(piece) {}
        return try client.readAnswer().text
      }
      #expect(text == "enough")
    }
  }

  @Test func moreThanTheLimitIs413WhetherAnnouncedOrNot() async throws {
    try await withServer(hooks(limit: 10_000, Self.summing)) { server in
      let port = server.port
      let statuses = try await onThread {
        let announced = try RawClient(port: port)
        announced.send(Self.head(1 << 20))
        let chunked = try RawClient(port: port)
        chunked.send("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in 0..<20 {
          chunked.send("3e8\r\n" + String(repeating: "a", count: 1_000) + "\r\n")
        }
        return [try announced.readAnswer().head.status, try chunked.readAnswer().head.status]
      }
      #expect(statuses == [413, 413])
    }
  }

  @Test func aReaderIsToldThatItsClientHasGone() async throws {
    let told = Mutex<String?>(nil)
    let hooks = hooks { request in
      let answer = await Self.summing(request)
      if case .bytes(let bytes) = answer.body {
        told.withLock { $0 = String(decoding: bytes, as: UTF8.self) }
      }
      return answer
    }
    try await withServer(hooks) { server in
      let port = server.port
      try await onThread {
        let client = try RawClient(port: port)
        client.send(Self.head(1 << 20))
        client.send([UInt8](repeating: 1, count: 1_000))
        client.close()
      }
      while told.withLock({ $0 == nil }) { await Task.yield() }
    }
    #expect(told.withLock { $0 } == "cut" || told.withLock { $0 } == "cancelled")
  }

  @Test func aClientThatStopsSendingIsAnsweredAtTheDeadline() async throws {
    let options = HTTPServerOptions.forTests { $0.receiveDeadlineMs = 200 }
    try await withServer(hooks(Self.summing), options: options) { server in
      let port = server.port
      let status = try await onThread {
        let client = try RawClient(port: port)
        client.send(Self.head(1 << 20))
        client.send([UInt8](repeating: 1, count: 1_000))
        return try client.readAnswer().head.status
      }
      #expect(status == 408)
    }
  }

  @Test func aServerThatStopsEndsReadersWhoseClientsStillSend() async throws {
    let started = Counter()
    let hooks = hooks { request in
      started.add(1)
      return await Self.summing(request)
    }
    try await withServer(hooks) { server in
      let port = server.port
      try await onThread {
        let client = try RawClient(port: port)
        client.send(Self.head(1 << 20))
        while started.value == 0 { usleep(1_000) }
        // Held open while the server stops, which `withServer` does and looks at.
        _ = Unmanaged.passRetained(client)
      }
    }
  }
}

/// A number that several threads add to.
private final class Counter: Sendable {
  private let count = Atomic<Int>(0)
  var value: Int { count.load(ordering: .relaxed) }
  func add(_ more: Int) { count.add(more, ordering: .relaxed) }
}

/// How far a client and the handler of its body have come.
private final class Flow: Sendable {
  let sent = Counter()
  let taken = Counter()
  private let held = Atomic<Bool>(false)
  private let most = Mutex(0)

  /// Whether the client's system has refused to take more.
  var isHeld: Bool {
    get { held.load(ordering: .acquiring) }
    set { held.store(newValue, ordering: .releasing) }
  }
  var mostUnderWay: Int { most.withLock { $0 } }

  func noteUnderWay() {
    let underWay = sent.value - taken.value
    most.withLock { $0 = max($0, underWay) }
  }
}
