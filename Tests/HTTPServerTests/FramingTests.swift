import HTTPServer
import Testing

@Suite struct FramingTests {
  private static let post = "POST / HTTP/1.1\r\nHost: h\r\n"

  /// Requests that two readers may cut differently, and the fault we name.
  static let malformed: [(String, HTTPFramingFault)] = [
    (
      post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
      .severalContentLengths
    ),
    (
      post + "Content-Length: 1\r\ncontent-length: 30\r\n\r\na",
      .severalContentLengths
    ),
    (
      post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      .contentLengthAndTransferEncoding
    ),
    (
      post + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
      .contentLengthAndTransferEncoding
    ),
    (
      post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      .unsupportedTransferEncoding
    ),
    (
      post + "Transfer-Encoding: identity\r\n\r\n",
      .unsupportedTransferEncoding
    ),
    (
      post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      .unsupportedTransferEncoding
    ),
    (
      post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
      .unsupportedTransferEncoding
    ),
    (
      post + "Transfer-Encoding: \u{0b}chunked\r\n\r\n0\r\n\r\n",
      .invalidFieldValue
    ),
    (
      "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      .unsupportedTransferEncoding
    ),
    (post + "Content-Length : 5\r\n\r\nhello", .invalidFieldName),
    ("GET / HTTP/1.1\r\nHost: h\r\nX y: 1\r\n\r\n", .invalidFieldName),
    ("GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", .invalidFieldValue),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", .severalHosts),
    ("GET / HTTP/1.1\r\n\r\n", .missingHost),
    ("GET / HTTP/1.1\r\nX: 1\r\n\r\n", .missingHost),
    ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .invalidHost),
    ("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", .invalidHost),
    ("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", .invalidTarget),
    ("GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", .invalidTarget),
    ("GET /%ff HTTP/1.1\r\nHost: h\r\n\r\n", .invalidTarget),
    ("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", .invalidTarget),
    ("G@T / HTTP/1.1\r\nHost: h\r\n\r\n", .invalidMethod),
  ]

  @Test(arguments: malformed)
  func `a malformed request is refused in our words and nothing after it is read`(
    _ request: String, _ fault: HTTPFramingFault
  ) async throws {
    let handled = Collector<String>()
    let hooks = HTTPServerHooks(
      handler: { request in
        handled.add(request.pathSegments.joined())
        return HTTPResponse(status: 200)
      }, refusalResponse: wordedRefusal)
    try await withServer(hooks) { server in
      let port = server.port
      let (answer, rest) = try await onThread {
        let client = try RawClient(port: port)
        client.send(request + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
        return (try client.readAnswer(), try client.readToEnd())
      }
      #expect(answer.status == 400)
      #expect(answer.text == "{\"refused\":\"malformed(HTTPServer.HTTPFramingFault.\(fault))\"}")
      #expect(answer.head.fields["connection"]?.lowercased() == "close")
      #expect(rest.isEmpty)
      #expect(handled.values.isEmpty)
    }
  }

  /// What the HTTP library answers by itself; only that it refuses and ends is ours to hold.
  @Test(arguments: [
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n",
    "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
    "GET /\r\nHost: h\r\n\r\n",
  ])
  func `a request that cannot be parsed is never handled`(_ request: String) async throws {
    let handled = Collector<String>()
    let hooks = HTTPServerHooks(handler: { request in
      handled.add(request.pathSegments.joined())
      return HTTPResponse(status: 200)
    })
    try await withServer(hooks) { server in
      let port = server.port
      let answer = try await onThread {
        let client = try RawClient(port: port)
        client.send(request + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
        return String(decoding: try client.readToEnd(), as: UTF8.self)
      }
      #expect(answer.hasPrefix("HTTP/1.1 4") || answer.hasPrefix("HTTP/1.1 505") || answer == "")
      #expect(handled.values.isEmpty)
    }
  }

  @Test func `the targets, lengths and codings of ordinary clients are taken`() async throws {
    try await withServer(HTTPServerHooks(handler: echo)) { server in
      for request in [
        "GET http://h:1/ok HTTP/1.1\r\nHost: H:1\r\n\r\n",
        "GET /ok HTTP/1.1\r\nHost:\r\n\r\n",
        "GET /ok HTTP/1.1\r\nHost: [::1]:8080\r\nContent-Length: 0\r\n\r\n",
        "\r\nGET /ok HTTP/1.1\r\nHost: h\r\n\r\n",
      ] {
        let answer = try await exchange(server.port, request)
        #expect(answer.text == "GET ok 0\n")
      }
    }
  }
}
