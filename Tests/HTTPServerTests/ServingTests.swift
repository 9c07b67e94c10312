import HTTPServer
import Testing

@Suite struct ServingTests {
  @Test func `a request reaches the handler and its answer the client`() async throws {
    try await withServer(HTTPServerHooks(handler: echo)) { server in
      let answer = try await exchange(
        server.port,
        "POST /v1/a%20b?x=1&y=%C3%A4 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
      #expect(answer.status == 200)
      #expect(answer.text == "POST v1|a b x=1 y=ä 5\nhello")
      #expect(answer.head.fields["content-type"] == "text/plain")
      #expect(answer.head.fields["date"] != nil)
    }
  }

  @Test func `a connection serves one request after the other`() async throws {
    try await withServer(HTTPServerHooks(handler: echo)) { server in
      let port = server.port
      let texts = try await onThread {
        let client = try RawClient(port: port)
        return try (0..<50).map { number in
          let body = String(repeating: "x", count: number)
          client.send(
            "POST /\(number) HTTP/1.1\r\nHost: h\r\nContent-Length: \(number)\r\n\r\n\(body)")
          return try client.readAnswer().text
        }
      }
      for (number, text) in texts.enumerated() {
        #expect(text.hasPrefix("POST \(number) \(number)\n"))
      }
    }
  }

  @Test func `pipelined requests are answered in their order`() async throws {
    try await withServer(HTTPServerHooks(handler: echo)) { server in
      let port = server.port
      let texts = try await onThread {
        let client = try RawClient(port: port)
        let requests = (0..<20).map {
          "POST /\($0) HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
        }
        client.send(requests.joined())
        return try requests.map { _ in try client.readAnswer().text }
      }
      #expect(texts == (0..<20).map { "POST \($0) 3\nabc" })
    }
  }

  @Test func `a chunked body arrives whole, however it is cut`() async throws {
    try await withServer(HTTPServerHooks(handler: echo)) { server in
      let port = server.port
      let answer = try await onThread {
        let client = try RawClient(port: port)
        client.send("POST /up HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n")
        for piece in ["3\r", "\nabc\r\n", "A;x=y\r\n01234", "56789\r\n0\r\nX-End: 1\r\n", "\r\n"] {
          client.send(piece)
        }
        return try client.readAnswer()
      }
      #expect(answer.text == "POST up 13\nabc0123456789")
    }
  }

  @Test func `a large body goes in and out unchanged`() async throws {
    try await withServer(
      HTTPServerHooks(handler: { request in
        HTTPResponse(status: 200, body: request.body)
      })
    ) { server in
      let port = server.port
      let isSame = try await onThread {
        let client = try RawClient(port: port)
        let body = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.count)\r\n\r\n")
        client.send(body)
        return try client.readAnswer().body == body
      }
      #expect(isSame)
    }
  }

  @Test func `a HEAD request gets the length but no body`() async throws {
    try await withServer(HTTPServerHooks(handler: echo)) { server in
      let port = server.port
      let (head, next) = try await onThread {
        let client = try RawClient(port: port)
        client.send("HEAD /h HTTP/1.1\r\nHost: h\r\n\r\nGET /n HTTP/1.1\r\nHost: h\r\n\r\n")
        return (try client.readAnswer(toHead: true), try client.readAnswer())
      }
      #expect(head.head.fields["content-length"] == "9")
      #expect(next.text == "GET n 0\n")
    }
  }

  @Test func `OPTIONS reaches the handler, also for the server as a whole`() async throws {
    try await withServer(HTTPServerHooks(handler: echo)) { server in
      let answer = try await exchange(server.port, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
      #expect(answer.text == "OPTIONS * 0\n")
    }
  }

  @Test func `an HTTP 1.0 request without Host is answered and the connection ends`() async throws {
    try await withServer(HTTPServerHooks(handler: echo)) { server in
      let port = server.port
      let (answer, isAtEnd) = try await onThread {
        let client = try RawClient(port: port)
        client.send("GET /old HTTP/1.0\r\n\r\n")
        return (try client.readAnswer(), try client.isAtEnd())
      }
      #expect(answer.text == "GET old 0\n")
      #expect(isAtEnd)
    }
  }

  @Test func `a client that asks for the end of the connection gets it`() async throws {
    try await withServer(HTTPServerHooks(handler: echo)) { server in
      let port = server.port
      let isAtEnd = try await onThread {
        let client = try RawClient(port: port)
        client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        _ = try client.readAnswer()
        return try client.isAtEnd()
      }
      #expect(isAtEnd)
    }
  }

  @Test func `an answer that cannot be sent becomes the worded 500`() async throws {
    let hooks = HTTPServerHooks(
      handler: { request in
        request.pathSegments == ["status"]
          ? HTTPResponse(status: 99)
          : HTTPResponse(status: 200, fields: [.init("X-Bad", "a\r\nSet-Cookie: b")])
      }, refusalResponse: wordedRefusal)
    try await withServer(hooks) { server in
      for target in ["/status", "/field"] {
        let answer = try await get(server.port, target)
        #expect(answer.status == 500)
        #expect(answer.text == "{\"refused\":\"invalidResponse\"}")
        #expect(answer.head.fields["set-cookie"] == nil)
      }
    }
  }

  @Test func `what the head hook says of a request comes with it`() async throws {
    let hooks = HTTPServerHooks(
      handler: { request in
        HTTPResponse(status: 200, body: Array((request.context as? String ?? "none").utf8))
      },
      decideOnHead: { head in
        .accept(maxBodyBytes: 10, context: head.headers["x-who"].map { "caller " + $0 })
      })
    try await withServer(hooks) { server in
      let answer = try await exchange(
        server.port, "GET / HTTP/1.1\r\nHost: h\r\nX-WHO:  me \r\n\r\n")
      #expect(answer.text == "caller me")
      #expect(try await get(server.port).text == "none")
    }
  }
}
