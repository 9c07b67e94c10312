import HTTPServer
import Testing

@Suite struct ServingTests {
  @Test func `a request reaches the handler and its answer the client`() async throws {
    try await withServer(HTTPServerHooks(handler: echo)) { server in
      let port = server.port
      let answer = try await onThread {
        let client = try RawClient(port: port)
        client.send(
          "POST /v1/a%20b?x=1&y=%C3%A4 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
        return try client.readAnswer()
      }
      #expect(answer.status == 200)
      #expect(answer.text == "POST v1|a b x=1 y=ä 5\nhello")
    }
  }
}
