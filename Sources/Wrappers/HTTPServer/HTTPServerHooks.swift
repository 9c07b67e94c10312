/// What the server calls; all of them from several threads at once.
package struct HTTPServerHooks: Sendable {
  package typealias Handler = @Sendable (HTTPRequest) async -> HTTPResponse

  /// Runs in a task of the request's own, cancelled when the client goes away while it waits and
  /// when the server stops.
  package var handler: Handler
  /// Called on a server thread before the body is read: it must not block or compute long.
  package var decideOnHead: @Sendable (HTTPRequestHead) -> HTTPHeadDecision
  /// Gives the server's own refusals their body. The head is nil when it was not understood.
  /// Status, and Retry-After for 503, are set by the server whatever this returns.
  package var refusalResponse: @Sendable (HTTPServerRefusal, HTTPRequestHead?) -> HTTPResponse
  /// Called on a server thread once for each request that got as far as a request line.
  package var observe: @Sendable (HTTPExchangeSummary) -> Void

  package init(
    handler: @escaping Handler,
    decideOnHead: @escaping @Sendable (HTTPRequestHead) -> HTTPHeadDecision = { _ in
      .accept(maxBodyBytes: .max)
    },
    refusalResponse: @escaping @Sendable (HTTPServerRefusal, HTTPRequestHead?) -> HTTPResponse = {
      refusal, _ in HTTPResponse(status: refusal.status)
    },
    observe: @escaping @Sendable (HTTPExchangeSummary) -> Void = { _ in }
  ) {
    self.handler = handler
    self.decideOnHead = decideOnHead
    self.refusalResponse = refusalResponse
    self.observe = observe
  }
}
