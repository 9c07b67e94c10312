import Glibc
import HTTPServer
import Testing

@Suite struct DeadlineTests {
  private func hooks(_ summaries: Collector<HTTPExchangeSummary>) -> HTTPServerHooks {
    HTTPServerHooks(
      handler: echo, refusalResponse: wordedRefusal, observe: { summaries.add($0) })
  }

  /// Clients that keep sending single bytes, and where they do it.
  static let slow: [(String, String)] = [
    ("GET / HTTP/1.1\r\nHost: h\r\n", "X"),
    ("GET / HTTP/1.1\r\nHost: h\r\nX: a", "b"),
    ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n", "x"),
    ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
  ]

  @Test(arguments: slow)
  func `a request that trickles in is answered 408 and its connection ends`(
    _ start: String, _ drop: String
  ) async throws {
    let summaries = Collector<HTTPExchangeSummary>()
    try await withServer(hooks(summaries), options: .forTests { $0.receiveDeadlineMs = 500 }) {
      server in
      let port = server.port
      let answer = try await onThread {
        let client = try RawClient(port: port)
        client.send(start)
        while client.send(drop) { usleep(10_000) }
        return try client.readAnswer()
      }
      #expect(answer.status == 408)
      #expect(answer.text == "{\"refused\":\"receiveTimeout\"}")
      let summary = await summaries.first(1)[0]
      #expect(summary.termination == .timedOut)
      #expect(summary.status == 408)
    }
  }

  @Test func `a request line that trickles in ends the connection`() async throws {
    try await withServer(
      hooks(Collector()), options: .forTests { $0.receiveDeadlineMs = 500 }
    ) { server in
      let port = server.port
      let received = try await onThread {
        let client = try RawClient(port: port)
        client.send("GET /")
        while client.send("a") { usleep(10_000) }
        return try client.readToEnd()
      }
      #expect(received.isEmpty)
    }
  }

  @Test func `a body that keeps its minimum rate may take longer than the deadline`() async throws {
    let summaries = Collector<HTTPExchangeSummary>()
    let adjust: (inout HTTPServerOptions) -> Void = {
      $0.receiveDeadlineMs = 300
      $0.minReceiveBytesPerSecond = 1
    }
    try await withServer(hooks(summaries), options: .forTests(adjust)) { server in
      let port = server.port
      let answer = try await onThread {
        let client = try RawClient(port: port)
        client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\n\r\n")
        for _ in 0..<40 {
          client.send("x")
          usleep(20_000)
        }
        return try client.readAnswer()
      }
      #expect(answer.status == 200)
    }
  }

  @Test func `an idle connection is closed, a waiting request is not`() async throws {
    let release = Gate()
    let hooks = HTTPServerHooks(handler: { request in
      if request.pathSegments == ["wait"] { await release.wait() }
      return HTTPResponse(status: 200)
    })
    let adjust: (inout HTTPServerOptions) -> Void = {
      $0.idleTimeoutSeconds = 1
      $0.receiveDeadlineMs = 10_000
    }
    try await withServer(hooks, options: .forTests(adjust)) { server in
      defer { release.open() }
      let port = server.port
      let (idleEnded, waited) = try await onThread {
        let waiting = try RawClient(port: port)
        waiting.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
        let idle = try RawClient(port: port)
        idle.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        _ = try idle.readAnswer()
        let idleEnded = try idle.isAtEnd()
        release.open()
        return (idleEnded, try waiting.readAnswer().status)
      }
      #expect(idleEnded)
      #expect(waited == 200)
    }
  }
}
