import HTTPServer
import Testing

@Suite struct ListeningTests {
  @Test func `a port in use is an error of its own`() async throws {
    try await withServer(HTTPServerHooks(handler: echo)) { server in
      var options = HTTPServerOptions()
      options.port = server.port
      #expect(throws: HTTPServerError.addressInUse(address: "127.0.0.1", port: server.port)) {
        _ = try HTTPServer(options: options, hooks: HTTPServerHooks(handler: echo))
      }
    }
  }

  @Test func `a port can be listened on again right after a stop`() async throws {
    let first = try HTTPServer(
      options: .forTests(), hooks: HTTPServerHooks(handler: echo))
    let port = first.port
    #expect(try await get(port).status == 200)
    await first.stopNow()
    try await withServer(HTTPServerHooks(handler: echo), options: .forTests { $0.port = port }) {
      server in
      #expect(server.port == port)
      let answer = try await get(port)
      #expect(answer.status == 200)
    }
  }

  @Test(arguments: ["localhost", "", "1.2.3", "::g"])
  func `an address not in digits is refused`(_ address: String) {
    var options = HTTPServerOptions()
    options.address = address
    #expect(throws: HTTPServerError.invalidAddress(address)) {
      _ = try HTTPServer(options: options, hooks: HTTPServerHooks(handler: echo))
    }
  }

  @Test func `an address that is not this machine's cannot be listened on`() {
    var options = HTTPServerOptions()
    options.address = "192.0.2.1"
    #expect(throws: HTTPServerError.self) {
      _ = try HTTPServer(options: options, hooks: HTTPServerHooks(handler: echo))
    }
  }

  @Test func `IPv6 loopback is served`() async throws {
    try await withServer(
      HTTPServerHooks(handler: echo), options: .forTests { $0.address = "::1" }
    ) { server in
      let port = server.port
      let answer = try await onThread {
        let client = try RawClient(port: port, isIPv6: true)
        client.send("GET /six HTTP/1.1\r\nHost: [::1]\r\n\r\n")
        return try client.readAnswer()
      }
      #expect(answer.text == "GET six 0\n")
    }
  }
}
