import HTTPServer
import Testing

@Suite struct BodyLimitTests {
  private func hooks(maxBodyBytes: Int) -> HTTPServerHooks {
    HTTPServerHooks(
      handler: echo, decideOnHead: { _ in .accept(maxBodyBytes: maxBodyBytes) },
      refusalResponse: wordedRefusal)
  }

  @Test func `an announced body over the limit is refused before any of it is sent`() async throws {
    try await withServer(hooks(maxBodyBytes: 100_000)) { server in
      let answer = try await exchange(
        server.port, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n")
      #expect(answer.status == 413)
      #expect(answer.text == "{\"refused\":\"bodyTooLarge(limitBytes: 100000)\"}")
      #expect(answer.head.fields["connection"]?.lowercased() == "close")
    }
  }

  @Test func `the server's own limit holds whatever the route would take`() async throws {
    try await withServer(
      hooks(maxBodyBytes: .max), options: .forTests { $0.maxBodyBytes = 200_000 }
    ) { server in
      let answer = try await exchange(
        server.port, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200001\r\n\r\n")
      #expect(answer.status == 413)
    }
  }

  @Test func `a client that sends its whole body before it reads still gets the 413`() async throws
  {
    try await withServer(hooks(maxBodyBytes: 1_000)) { server in
      let port = server.port
      let (wasTaken, answer) = try await onThread {
        let client = try RawClient(port: port)
        client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\n")
        let wasTaken = client.send([UInt8](repeating: 0x61, count: 8_000_000))
        return (wasTaken, try client.readAnswer())
      }
      #expect(wasTaken)
      #expect(answer.status == 413)
    }
  }

  @Test func `a chunked body is refused as soon as it is over the limit`() async throws {
    try await withServer(hooks(maxBodyBytes: 10_000)) { server in
      let port = server.port
      let (answer, isAtEnd) = try await onThread {
        let client = try RawClient(port: port)
        client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        // The body has no end: the answer comes in its middle.
        let chunk = "1000\r\n" + String(repeating: "x", count: 4096) + "\r\n"
        for _ in 0..<3 { client.send(chunk) }
        let answer = try client.readAnswer()
        return (answer, try client.isAtEnd())
      }
      #expect(answer.status == 413)
      #expect(answer.text == "{\"refused\":\"bodyTooLarge(limitBytes: 10000)\"}")
      #expect(isAtEnd)
    }
  }

  @Test func `a chunked body at the limit is taken`() async throws {
    try await withServer(hooks(maxBodyBytes: 4_096)) { server in
      let body = String(repeating: "x", count: 4096)
      let answer = try await exchange(
        server.port,
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
          + "1000\r\n\(body)\r\n0\r\n\r\n"
      )
      #expect(answer.status == 200)
    }
  }

  @Test func `a refusal on the head with a small body keeps the connection`() async throws {
    let hooks = HTTPServerHooks(
      handler: echo,
      decideOnHead: { head in
        head.pathSegments == ["no"]
          ? .refuse(HTTPResponse(status: 404, body: Array("nothing".utf8)))
          : .accept(maxBodyBytes: 10)
      })
    try await withServer(hooks) { server in
      let port = server.port
      let answers = try await onThread {
        let client = try RawClient(port: port)
        return try [
          "GET /no HTTP/1.1\r\nHost: h\r\n\r\n",
          "POST /no HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\n"
            + String(repeating: "x", count: 50),
          "POST /no HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
          "GET /yes HTTP/1.1\r\nHost: h\r\n\r\n",
        ].map { request in
          client.send(request)
          return try client.readAnswer()
        }
      }
      #expect(answers.map(\.status) == [404, 404, 404, 200])
      #expect(answers[1].text == "nothing")
    }
  }

  @Test func `a refused chunked body without end is answered and the connection ends`() async throws
  {
    let hooks = HTTPServerHooks(
      handler: echo, decideOnHead: { _ in .refuse(HTTPResponse(status: 401)) })
    try await withServer(hooks, options: .forTests { $0.maxSkippedBodyBytes = 5_000 }) { server in
      let port = server.port
      let (answer, isAtEnd) = try await onThread {
        let client = try RawClient(port: port)
        client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        let chunk = "1000\r\n" + String(repeating: "x", count: 4096) + "\r\n"
        for _ in 0..<2 { client.send(chunk) }
        return (try client.readAnswer(), try client.isAtEnd())
      }
      #expect(answer.status == 401)
      #expect(isAtEnd)
    }
  }

  @Test func `a client that waits for leave to send gets it, or the refusal instead`() async throws
  {
    let hooks = HTTPServerHooks(
      handler: echo,
      decideOnHead: { head in
        head.pathSegments == ["no"] ? .refuse(HTTPResponse(status: 403)) : .accept(maxBodyBytes: 10)
      })
    try await withServer(hooks) { server in
      let port = server.port
      let (leave, answer, refusal) = try await onThread {
        let client = try RawClient(port: port)
        let fields = "Host: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        client.send("POST /yes HTTP/1.1\r\n" + fields)
        let leave = try client.readHead()
        client.send("hello")
        let answer = try client.readAnswer()
        client.send("POST /no HTTP/1.1\r\n" + fields)
        return (leave.status, answer, try client.readAnswer())
      }
      #expect(leave == 100)
      #expect(answer.text == "POST yes 5\nhello")
      #expect(refusal.status == 403)
    }
  }

  @Test func `bodies held together beyond the bound are refused with Retry-After`() async throws {
    let entered = Gate()
    let release = Gate()
    let hooks = HTTPServerHooks(
      handler: { request in
        entered.open()
        await release.wait()
        return HTTPResponse(status: 200)
      }, refusalResponse: wordedRefusal)
    try await withServer(hooks, options: .forTests { $0.maxBufferedBodyBytes = 100_000 }) {
      server in
      let port = server.port
      let body = String(repeating: "x", count: 80_000)
      async let first = {
        defer { entered.open() }
        return try await exchange(
          port, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 80000\r\n\r\n" + body)
      }()
      defer { release.open() }
      await entered.wait()
      let announced = try await exchange(
        port, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 80000\r\n\r\n")
      #expect(announced.status == 503)
      #expect(announced.text == "{\"refused\":\"bodyMemoryExhausted\"}")
      #expect(announced.head.fields["retry-after"] == "1")
      let chunked = try await exchange(
        port, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n13880\r\n" + body)
      #expect(chunked.status == 503)
      #expect(chunked.head.fields["retry-after"] == "1")
      release.open()
      #expect(try await first.status == 200)
      let again = try await exchange(
        port, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 80000\r\n\r\n" + body)
      #expect(again.status == 200)
    }
  }

  @Test func `a head larger than the connection's memory is refused`() async throws {
    let handled = Collector<Int>()
    let hooks = HTTPServerHooks(handler: { _ in
      handled.add(1)
      return HTTPResponse(status: 200)
    })
    try await withServer(hooks) { server in
      let port = server.port
      let filler = String(repeating: "a", count: 40_000)
      for request in [
        "GET /\(filler) HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX: \(filler)\r\n\r\n",
      ] {
        let status = try await onThread {
          let client = try RawClient(port: port)
          client.send(request)
          return try client.readHead().status
        }
        #expect(status == 414 || status == 431)
      }
      #expect(handled.values.isEmpty)
    }
  }
}
