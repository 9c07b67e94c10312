import HTTPClient
import Synchronization
import Testing

private func ok(_ body: String, _ head: String = "") -> String {
  "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\(head)\r\n\(body)"
}

private func client(connections: Int = 2, waiting: Int = 100) throws -> HTTPClient {
  var settings = HTTPClient.Settings()
  settings.maximumConnections = connections
  settings.maximumWaitingRequests = waiting
  return try HTTPClient(settings)
}

private func failure(
  _ operation: () async throws -> ClientResponse
) async -> HTTPClientError? {
  do {
    _ = try await operation()
    return nil
  } catch {
    return error as? HTTPClientError
  }
}

@Suite("HTTP client")
struct HTTPClientTests {
  @Test("method, target, headers and body arrive as given, and nothing else is added")
  func sendsExactly() async throws {
    let server = try ScriptedServer { _ in .bytes(ok("fine", "X-Answer:  a b \r\n")) }
    defer { server.stop() }
    let body = Array(repeating: UInt8(7), count: 3_000_000)
    let response = try await client().send(
      ClientRequest(
        method: "POST", url: server.url + "/v1/a%20b?c=d",
        headers: [("Content-Type", "application/json"), ("X-Empty", "")], body: body))
    #expect(response.status == 200)
    #expect(response.text == "fine")
    #expect(response.header("x-answer") == "a b")
    let request = try #require(server.requests.first)
    #expect(request.lines.first == "POST /v1/a%20b?c=d HTTP/1.1")
    #expect(request.body == body)
    #expect(request.header("content-type") == "application/json")
    #expect(request.header("x-empty") == "")
    #expect(request.header("expect") == nil)
    #expect(request.header("accept-encoding") == nil)
  }

  @Test("a body without a content type is not called a form, and an empty POST has length 0")
  func noDefaultContentType() async throws {
    let server = try ScriptedServer { _ in .bytes(ok("")) }
    defer { server.stop() }
    _ = try await client().send(ClientRequest(method: "POST", url: server.url + "/"))
    let request = try #require(server.requests.first)
    #expect(request.header("content-type") == nil)
    #expect(request.header("content-length") == "0")
  }

  @Test(
    "PUT, PATCH, DELETE, HEAD and GET use their own method",
    arguments: [
      "PUT", "PATCH", "DELETE", "HEAD", "GET",
    ])
  func methods(method: String) async throws {
    let server = try ScriptedServer { request in
      .bytes(request.lines[0].hasPrefix("HEAD") ? "HTTP/1.1 204 No\r\n\r\n" : ok("x"))
    }
    defer { server.stop() }
    let response = try await client().send(ClientRequest(method: method, url: server.url + "/p"))
    #expect((200..<300).contains(response.status))
    #expect(server.requests.first?.lines.first == "\(method) /p HTTP/1.1")
  }

  @Test("one connection serves requests that follow each other")
  func keepAlive() async throws {
    let server = try ScriptedServer { _ in .bytes(ok("x")) }
    defer { server.stop() }
    let client = try client(connections: 1)
    for _ in 0..<20 { _ = try await client.send(ClientRequest(url: server.url + "/")) }
    #expect(Set(server.requests.map(\.connection)) == [0])
    #expect(server.requests.count == 20)
  }

  @Test("no more connections than allowed are opened, and every request is answered")
  func boundedConnections() async throws {
    let server = try ScriptedServer { _ in .bytes(ok("x")) }
    defer { server.stop() }
    let client = try client(connections: 3, waiting: 1_000)
    try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<300 {
        group.addTask { try await client.send(ClientRequest(url: server.url + "/")).status }
      }
      for try await status in group { #expect(status == 200) }
    }
    #expect(server.requests.count == 300)
    #expect(Set(server.requests.map(\.connection)).isSubset(of: [0, 1, 2]))
  }

  @Test("more waiting requests than the limit are refused, those within it are not lost")
  func boundedWaiting() async throws {
    let released = Mutex(false)
    let server = try ScriptedServer { _ in
      released.withLock { $0 } ? .bytes(ok("x")) : .silence
    }
    defer { server.stop() }
    let client = try client(connections: 1, waiting: 1)
    let outcomes = await withTaskGroup(of: HTTPClientError?.self) { group in
      for _ in 0..<6 {
        group.addTask { await failure { try await client.send(ClientRequest(url: server.url)) } }
      }
      // One runs into silence and at most one waits behind it; the rest must be refused.
      var errors: [HTTPClientError?] = []
      for await error in group {
        errors.append(error)
        if errors.count == 4 {
          released.withLock { $0 = true }
          client.close()
        }
      }
      return errors
    }
    #expect(outcomes.prefix(4).allSatisfy { $0 == .tooManyWaiting(limit: 1) })
    #expect(outcomes.suffix(2).allSatisfy { $0 == .closed })
  }

  @Test("a redirect is given to the caller, not followed")
  func redirect() async throws {
    let server = try ScriptedServer { _ in
      .bytes("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")
    }
    defer { server.stop() }
    let response = try await client().send(ClientRequest(url: server.url + "/"))
    #expect(response.status == 302)
    #expect(response.header("location") == "/other")
    #expect(server.requests.count == 1)
  }

  @Test("an interim answer is skipped and trailers are kept apart from headers")
  func interimAndTrailers() async throws {
    let server = try ScriptedServer { _ in
      .bytes(
        "HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\n"
          + "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Head: h\r\n\r\n"
          + "3\r\nabc\r\n2\r\nde\r\n0\r\nX-DuckMesh-Truncated: true\r\n\r\n")
    }
    defer { server.stop() }
    let response = try await client().send(ClientRequest(url: server.url + "/"))
    #expect(response.status == 200)
    #expect(response.text == "abcde")
    #expect(response.header("X-Interim") == nil)
    #expect(response.header("X-Head") == "h")
    #expect(response.header("X-DuckMesh-Truncated") == nil)
    #expect(response.trailer("x-duckmesh-truncated") == "true")
  }

  @Test(
    "a response cut short is an error, however it is framed",
    arguments: [
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
      "HTTP/1.1 200 OK\r\nContent-Le",
    ])
  func cutShort(bytes: String) async throws {
    let server = try ScriptedServer { _ in .bytesThenClose(bytes) }
    defer { server.stop() }
    let client = try client()
    let error = await failure { try await client.send(ClientRequest(url: server.url + "/")) }
    guard case .connectionLost = error else {
      Issue.record("expected connectionLost, got \(String(describing: error))")
      return
    }
  }

  @Test("a connection closed without an answer may have been served: not certainly unsent")
  func closedWithoutAnswer() async throws {
    let server = try ScriptedServer { _ in .closeAtOnce }
    defer { server.stop() }
    let client = try client()
    let error = await failure {
      try await client.send(ClientRequest(method: "POST", url: server.url, body: [1]))
    }
    #expect(error?.isCertainlyNotSent == false)
    guard case .connectionLost = error else {
      Issue.record("expected connectionLost, got \(String(describing: error))")
      return
    }
  }

  @Test("nobody listening is cannotConnect, certainly not sent")
  func refused() async throws {
    let server = try ScriptedServer { _ in .closeAtOnce }
    server.stop()
    let client = try client()
    // The listener closes on its own thread; until then the kernel may still take connections.
    var error: HTTPClientError?
    repeat {
      error = await failure { try await client.send(ClientRequest(url: server.url + "/")) }
      if case .cannotConnect = error { break }
    } while error != nil
    #expect(error?.isCertainlyNotSent == true)
  }

  @Test("no answer within the time is timedOut, and the request may have been seen")
  func timesOut() async throws {
    let server = try ScriptedServer { _ in .silence }
    defer { server.stop() }
    let client = try client()
    var error: HTTPClientError?
    var timeoutMs = 50
    // On a busy machine a short time may pass before the request is even sent.
    repeat {
      let milliseconds = timeoutMs
      error = await failure {
        try await client.send(ClientRequest(url: server.url + "/", timeoutMs: milliseconds))
      }
      timeoutMs *= 2
    } while error == .timedOut(requestSent: false) && timeoutMs < 60_000
    #expect(error == .timedOut(requestSent: true))
  }

  @Test("waiting for a connection counts against the request's time")
  func waitingCounts() async throws {
    let server = try ScriptedServer { _ in .silence }
    defer { server.stop() }
    let client = try client(connections: 1)
    async let first = failure {
      try await client.send(ClientRequest(url: server.url + "/", timeoutMs: 200))
    }
    async let second = failure {
      try await client.send(ClientRequest(url: server.url + "/", timeoutMs: 100))
    }
    let errors = await [first, second]
    #expect(
      errors.allSatisfy {
        $0 == .timedOut(requestSent: true) || $0 == .timedOut(requestSent: false)
      })
  }

  @Test("cancelling the task ends a running exchange and leaves the client usable")
  func cancellation() async throws {
    let (arrivals, arrived) = AsyncStream<Void>.makeStream()
    let server = try ScriptedServer { request in
      guard request.lines[0].contains("/silent") else { return .bytes(ok("after")) }
      arrived.yield()
      return .silence
    }
    defer { server.stop() }
    let client = try client(connections: 1)
    let error = await withTaskGroup(of: HTTPClientError?.self) { group in
      group.addTask {
        await failure { try await client.send(ClientRequest(url: server.url + "/silent")) }
      }
      for await _ in arrivals { break }
      group.cancelAll()
      return await group.next() ?? nil
    }
    #expect(error == .cancelled)
    let response = try await client.send(ClientRequest(url: server.url + "/"))
    #expect(response.text == "after")
  }

  @Test("a task cancelled before it sends reaches no server")
  func cancelledBefore() async throws {
    let server = try ScriptedServer { _ in .bytes(ok("x")) }
    defer { server.stop() }
    let client = try client()
    let error = await withTaskGroup(of: HTTPClientError?.self) { group in
      group.cancelAll()
      group.addTask { await failure { try await client.send(ClientRequest(url: server.url)) } }
      return await group.next() ?? nil
    }
    #expect(error == .cancelled)
    #expect(server.requests.isEmpty)
  }

  @Test("a closed client refuses with closed")
  func closed() async throws {
    let client = try client()
    client.close()
    client.close()
    let error = await failure { try await client.send(ClientRequest(url: "http://127.0.0.1:1/")) }
    #expect(error == .closed)
  }

  @Test("what could add a line to the head is refused before anything is sent")
  func injection() async throws {
    let server = try ScriptedServer { _ in .bytes(ok("x")) }
    defer { server.stop() }
    let client = try client()
    for value in ["a\r\nX-Evil: 1", "a\nb", "a\0b"] {
      let error = await failure {
        try await client.send(ClientRequest(url: server.url, headers: [("X-Name", value)]))
      }
      #expect(error == .invalidHeader(name: "X-Name"))
    }
    for name in ["", "X Y", "X:Y", "X\r\nY"] {
      let error = await failure {
        try await client.send(ClientRequest(url: server.url, headers: [(name, "v")]))
      }
      #expect(error == .invalidHeader(name: name))
    }
    let method = await failure {
      try await client.send(ClientRequest(method: "GET / HTTP/1.1\r\nX:", url: server.url))
    }
    #expect(method == .invalidMethod)
    #expect(server.requests.isEmpty)
  }

  @Test("only absolute http and https URLs without user information are taken")
  func urls() async throws {
    let client = try client()
    for (url, expected) in [
      ("file:///etc/hostname", HTTPClientError.unsupportedScheme("file")),
      ("ftp://127.0.0.1/x", .unsupportedScheme("ftp")),
      ("127.0.0.1:80/x", .invalidURL), ("", .invalidURL), ("http://", .invalidURL),
      ("http://127.0.0.1/a b", .invalidURL), ("http://127.0.0.1/\r\nX: y", .invalidURL),
      ("http://user:secret@127.0.0.1/", .invalidURL),
    ] {
      let error = await failure { try await client.send(ClientRequest(url: url)) }
      #expect(error == expected, "\(url)")
    }
  }

  @Test("a body over the limit is refused, and a sink takes any size")
  func limits() async throws {
    let text = String(repeating: "0123456789", count: 100_000)
    let server = try ScriptedServer { _ in .bytes(ok(text)) }
    defer { server.stop() }
    var settings = HTTPClient.Settings()
    settings.maximumResponseBytes = 1_000
    let client = try HTTPClient(settings)
    let error = await failure { try await client.send(ClientRequest(url: server.url + "/")) }
    #expect(error == .responseTooLarge(limitBytes: 1_000))
    let received = Mutex<[UInt8]>([])
    let response = try await client.download(ClientRequest(url: server.url + "/")) { chunk in
      received.withLock { $0.append(contentsOf: chunk) }
      return true
    }
    #expect(response.body.isEmpty)
    #expect(received.withLock { $0 } == Array(text.utf8))
  }

  @Test("a sink can stop, and never sees the body of an error")
  func sinkStops() async throws {
    let server = try ScriptedServer { request in
      request.lines[0].contains("/bad")
        ? .bytes("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope") : .bytes(ok("data"))
    }
    defer { server.stop() }
    let client = try client()
    let error = await failure {
      try await client.download(ClientRequest(url: server.url + "/")) { _ in false }
    }
    #expect(error == .stoppedBySink)
    let response = try await client.download(ClientRequest(url: server.url + "/bad")) { _ in
      Issue.record("the sink saw an error's body")
      return true
    }
    #expect(response.status == 404)
    #expect(response.text == "nope")
  }

  @Test("settings outside their range are refused")
  func settings() {
    #expect(throws: HTTPClientError.self) { try client(connections: 0) }
    #expect(throws: HTTPClientError.self) { try client(connections: 2_000) }
    #expect(throws: HTTPClientError.self) { try client(waiting: 0) }
  }
}
