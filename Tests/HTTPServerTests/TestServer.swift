import HTTPServer
import Synchronization

/// A server on a free loopback port that lives as long as the closure.
func withServer<Result: Sendable>(
  _ hooks: HTTPServerHooks,
  options adjust: (inout HTTPServerOptions) -> Void = { _ in },
  _ body: (HTTPServer) async throws -> Result
) async throws -> Result {
  var options = HTTPServerOptions()
  options.sweepIntervalMs = 20
  adjust(&options)
  let server = try HTTPServer(options: options, hooks: hooks)
  do {
    let result = try await body(server)
    await server.stopNow()
    return result
  } catch {
    await server.stopNow()
    throw error
  }
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
