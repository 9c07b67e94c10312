import Glibc
import HTTPServer
import Testing

@Suite struct WaitingTests {
  @Test func `a client that leaves while it waits cancels its handler`() async throws {
    let entered = Gate()
    let never = Gate()
    let cancelled = Gate()
    let summaries = Collector<HTTPExchangeSummary>()
    let hooks = HTTPServerHooks(
      handler: { _ in
        entered.open()
        if await never.waitUnlessCancelled() { cancelled.open() }
        return HTTPResponse(status: 200)
      }, observe: { summaries.add($0) })
    try await withServer(hooks) { server in
      defer { never.open() }
      let port = server.port
      let client = try await onThread {
        let client = try RawClient(port: port)
        client.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
        return Sent(client)
      }
      await entered.wait()
      client.value.close()
      await cancelled.wait()
      let summary = await summaries.first(1)[0]
      #expect(summary.termination == .clientDisconnected)
      #expect(summary.status == 0)
    }
  }

  @Test func `two thousand waiting requests end with the server and leave nothing`() async throws {
    let count = 2_000
    let entered = Collector<Int>()
    let cancelled = Collector<Int>()
    let hooks = HTTPServerHooks(handler: { _ in
      let never = Gate()
      entered.add(1)
      if await never.waitUnlessCancelled() { cancelled.add(1) }
      return HTTPResponse(status: 503, body: Array("stopping".utf8))
    })
    var options = HTTPServerOptions()
    // Two thousand answers take their time on a busy machine.
    options.cancelledAnswerGraceMs = 60_000
    let server = try HTTPServer(options: options, hooks: hooks)
    let port = server.port
    let clients = try await onThread {
      Sent(
        try (0..<count).map { _ in
          let client = try RawClient(port: port)
          client.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
          return client
        })
    }
    _ = await entered.first(count)
    #expect(server.requestsInFlight == count)
    #expect(server.bufferedBodyBytes == 0)
    let report = await server.stop(graceSeconds: 0.1)
    #expect(report == HTTPServerStopReport(cancelledRequests: count, unreturnedHandlers: 0))
    #expect(cancelled.values.count == count)
    #expect(server.openConnections == 0)
    // Cancelled in time, the handlers' own answers still reached the clients.
    let statuses = try await onThread { try clients.value.map { try $0.readAnswer().status } }
    #expect(statuses.allSatisfy { $0 == 503 })
  }

  @Test func `more requests than may run at once are turned away with Retry-After`() async throws {
    let entered = Gate()
    let release = Gate()
    let hooks = HTTPServerHooks(
      handler: { request in
        if request.pathSegments == ["wait"] {
          entered.open()
          await release.wait()
        }
        return HTTPResponse(status: 200)
      }, refusalResponse: wordedRefusal)
    try await withServer(hooks, options: .forTests { $0.maxRequestsInFlight = 1 }) { server in
      let port = server.port
      async let first = {
        defer { entered.open() }
        return try await get(port, "/wait")
      }()
      defer { release.open() }
      await entered.wait()
      let second = try await get(port)
      #expect(second.status == 503)
      #expect(second.text == "{\"refused\":\"tooManyRequests\"}")
      #expect(second.head.fields["retry-after"] == "1")
      release.open()
      #expect(try await first.status == 200)
      #expect(try await get(port).status == 200)
    }
  }

  @Test func `more connections than allowed are turned away with Retry-After`() async throws {
    let hooks = HTTPServerHooks(handler: echo, refusalResponse: wordedRefusal)
    try await withServer(hooks, options: .forTests { $0.maxConnections = 2 }) { server in
      let port = server.port
      let (third, again) = try await onThread {
        let held = try (0..<2).map { _ in
          let client = try RawClient(port: port)
          client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
          _ = try client.readAnswer()
          return client
        }
        let third = try RawClient(port: port).readAnswer()
        held[0].close()
        // The place is free once the server has seen the end of that connection.
        while true {
          let client = try RawClient(port: port)
          client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
          let answer = try client.readAnswer()
          if answer.status == 200 { return (third, answer) }
        }
      }
      #expect(third.status == 503)
      #expect(third.text == "{\"refused\":\"tooManyConnections\"}")
      #expect(third.head.fields["retry-after"] == "1")
      #expect(again.status == 200)
    }
  }
}

/// Hands a client from the thread that made it to another; only one uses it at a time.
// Sendable because the test hands the value on and does not keep it.
struct Sent<Value>: @unchecked Sendable {
  let value: Value

  init(_ value: Value) {
    self.value = value
  }
}
