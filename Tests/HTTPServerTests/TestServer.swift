import HTTPServer
import Testing

/// A server on a free loopback port that lives as long as the closure. When it has stopped, nothing
/// may be left of what its requests held.
func withServer<Result: Sendable>(
  _ hooks: HTTPServerHooks,
  options: HTTPServerOptions = .forTests(),
  _ body: (HTTPServer) async throws -> Result
) async throws -> Result {
  let server = try HTTPServer(options: options, hooks: hooks)
  do {
    let result = try await body(server)
    let report = await server.stopNow()
    #expect(report.unreturnedHandlers == 0)
    #expect(server.openConnections == 0)
    #expect(server.requestsInFlight == 0)
    #expect(server.bufferedBodyBytes == 0)
    return result
  } catch {
    await server.stopNow()
    throw error
  }
}

extension HTTPServerOptions {
  /// The defaults with quick sweeps and short graces, then what the test changes.
  static func forTests(_ adjust: (inout HTTPServerOptions) -> Void = { _ in }) -> Self {
    var options = HTTPServerOptions()
    options.sweepIntervalMs = 20
    options.cancelledAnswerGraceMs = 50
    // Handlers share two threads with all other tests: how long they take to come back is no fault.
    options.handlerReturnGraceMs = 600_000
    adjust(&options)
    return options
  }
}

/// Sends the text on a new connection and reads one answer.
func exchange(_ port: Int, _ request: String) async throws -> RawClientAnswer {
  try await onThread {
    let client = try RawClient(port: port)
    client.send(request)
    return try client.readAnswer()
  }
}

func get(_ port: Int, _ target: String = "/") async throws -> RawClientAnswer {
  try await exchange(port, "GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n")
}

/// Says what it got: method, segments, query, body size; the body itself follows.
let echo: HTTPServerHooks.Handler = { request in
  var text = request.method.name + " " + request.pathSegments.joined(separator: "|")
  for item in request.head.target.query { text += " \(item.name)=\(item.value)" }
  text += " \(request.body.count)\n"
  return HTTPResponse(
    status: 200, fields: [.init("Content-Type", "text/plain")],
    body: Array(text.utf8) + request.body)
}

/// Puts every refusal into words, as the API will.
let wordedRefusal: @Sendable (HTTPServerRefusal, HTTPRequestHead?) -> HTTPResponse = {
  refusal, _ in
  HTTPResponse(
    status: refusal.status, fields: [.init("Content-Type", "application/json")],
    body: Array("{\"refused\":\"\(refusal)\"}".utf8))
}
