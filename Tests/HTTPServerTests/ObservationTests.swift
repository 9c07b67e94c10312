import HTTPServer
import Testing

@Suite struct ObservationTests {
  @Test func `every request is observed once, with what became of it`() async throws {
    let summaries = Collector<HTTPExchangeSummary>()
    let hooks = HTTPServerHooks(
      handler: { request in
        var response = HTTPResponse(status: 201, body: [1, 2, 3])
        response.label = "/v1/{x}"
        return response
      },
      decideOnHead: { head in
        head.pathSegments == ["no"] ? .refuse(HTTPResponse(status: 404)) : .accept(maxBodyBytes: 9)
      }, observe: { summaries.add($0) })
    try await withServer(hooks) { server in
      let port = server.port
      try await onThread {
        let client = try RawClient(port: port)
        client.send("POST /v1/a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody")
        _ = try client.readAnswer()
        client.send("GET /no HTTP/1.1\r\nHost: h\r\n\r\n")
        _ = try client.readAnswer()
        client.send("GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n")
        _ = try client.readToEnd()
        let broken = try RawClient(port: port)
        broken.send("GET /x HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n")
        _ = try broken.readToEnd()
      }
      _ = await summaries.first(4)
    }
    let seen = summaries.values
    #expect(seen.map(\.status) == [201, 404, 400, 400])
    #expect(seen.map(\.termination) == [.completed, .completed, .completed, .refused])
    #expect(seen[0].head?.method == .post)
    #expect(seen[0].rawTarget == Array("/v1/a?b".utf8))
    #expect(seen[0].label == "/v1/{x}")
    #expect(seen[0].requestBodyBytes == 4)
    #expect(seen[0].responseBodyBytes == 3)
    #expect(seen[2].head == nil)
    #expect(seen[3].rawTarget == Array("/x".utf8))
  }
}
