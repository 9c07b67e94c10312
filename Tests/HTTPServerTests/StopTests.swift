import Glibc
import HTTPServer
import Testing

@Suite struct StopTests {
  @Test func `a stop finishes what is in flight and says that connections end`() async throws {
    let entered = Gate()
    let release = Gate()
    let server = try HTTPServer(
      options: .forTests(),
      hooks: HTTPServerHooks(handler: { _ in
        entered.open()
        await release.wait()
        return HTTPResponse(status: 200, body: Array("done".utf8))
      }))
    let port = server.port
    async let answer = {
      defer { entered.open() }
      return try await get(port)
    }()
    await entered.wait()
    async let report = server.stop(graceSeconds: 600)
    // From the moment nothing more is accepted the stop is under way.
    try await onThread {
      while (try? RawClient(port: port)) != nil {}
    }
    release.open()
    #expect(try await answer.text == "done")
    #expect(try await answer.head.fields["connection"]?.lowercased() == "close")
    #expect(await report == HTTPServerStopReport())
  }

  @Test func `idle connections do not hold up a stop`() async throws {
    let server = try HTTPServer(
      options: .forTests(), hooks: HTTPServerHooks(handler: echo))
    let port = server.port
    let clients = try await onThread {
      Sent(
        try (0..<20).map { _ in
          let client = try RawClient(port: port)
          client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
          _ = try client.readAnswer()
          return client
        })
    }
    let report = await server.stop(graceSeconds: 600)
    #expect(report == HTTPServerStopReport())
    #expect(try await onThread { try clients.value.allSatisfy { try $0.isAtEnd() } })
  }

  @Test func `a second, urgent stop overrides the first one's grace`() async throws {
    let entered = Gate()
    let never = Gate()
    let server = try HTTPServer(
      options: .forTests(),
      hooks: HTTPServerHooks(handler: { _ in
        entered.open()
        _ = await never.waitUnlessCancelled()
        return HTTPResponse(status: 200)
      }))
    let port = server.port
    let client = try await onThread {
      let client = try RawClient(port: port)
      client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      return Sent(client)
    }
    await entered.wait()
    async let first = server.stop(graceSeconds: 600)
    let second = await server.stopNow()
    #expect(second == HTTPServerStopReport(cancelledRequests: 1, unreturnedHandlers: 0))
    #expect(await first == second)
    #expect(await server.stop(graceSeconds: 600) == second)
    client.value.close()
  }

  @Test func `a handler that ignores its cancellation is reported, not waited for`() async throws {
    let entered = Gate()
    let release = Gate()
    var options = HTTPServerOptions()
    options.handlerReturnGraceMs = 50
    let server = try HTTPServer(
      options: options,
      hooks: HTTPServerHooks(handler: { _ in
        entered.open()
        await release.wait()
        return HTTPResponse(status: 200) { _ in }
      }))
    let port = server.port
    let client = try await onThread {
      let client = try RawClient(port: port)
      client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      return Sent(client)
    }
    await entered.wait()
    let report = await server.stopNow()
    #expect(report.unreturnedHandlers == 1)
    #expect(try await onThread { try client.value.isAtEnd() })
    // Its late answer finds no connection and touches none.
    release.open()
    while server.requestsInFlight > 0 { await Task.yield() }
  }

  @Test func `uploads, streams and pipelines under way do not survive an urgent stop`() async throws
  {
    let started = Collector<Int>()
    let hooks = HTTPServerHooks(
      handler: { request in
        HTTPResponse(status: 200) { stream in
          started.add(1)
          let bytes = [UInt8](repeating: 0x61, count: request.body.count + 10_000)
          while await stream.write(bytes) { await Task.yield() }
        }
      },
      decideOnHead: { _ in
        started.add(0)
        return .accept(maxBodyBytes: 1 << 30)
      })
    for round in 0..<10 {
      let server = try HTTPServer(options: .forTests(), hooks: hooks)
      let port = server.port
      let before = started.values.count
      let clients = try await onThread {
        Sent(
          try (0..<12).map { number in
            let client = try RawClient(port: port)
            switch number % 3 {
            case 0:
              client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nabc")
            case 1: client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            default:
              client.send(
                String(repeating: "GET / HTTP/1.1\r\nHost: h\r\n\r\n", count: 5) + "GET /half")
            }
            return client
          })
      }
      _ = await started.first(before + 12)
      let report =
        round % 2 == 0 ? await server.stopNow() : await server.stop(graceSeconds: 0)
      #expect(report.unreturnedHandlers == 0)
      #expect(server.openConnections == 0)
      #expect(server.requestsInFlight == 0)
      #expect(server.bufferedBodyBytes == 0)
      for client in clients.value { client.close() }
    }
  }

  @Test func `a server that is let go ends by itself`() async throws {
    let port = try HTTPServer(
      options: .forTests(), hooks: HTTPServerHooks(handler: echo)
    ).port
    try await onThread {
      while (try? RawClient(port: port)) != nil {}
    }
  }
}
