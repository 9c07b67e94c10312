/// A whole request as a handler gets it.
package struct HTTPRequest: Sendable {
  package let head: HTTPRequestHead
  /// Empty where the body is read from `bodyStream`.
  package let body: [UInt8]
  package let bodyStream: HTTPBodyStream?
  /// What the head hook handed over with its acceptance, such as the route and the caller.
  package let context: (any Sendable)?

  package init(
    head: HTTPRequestHead, body: [UInt8] = [], bodyStream: HTTPBodyStream? = nil,
    context: (any Sendable)? = nil
  ) {
    self.head = head
    self.body = body
    self.bodyStream = bodyStream
    self.context = context
  }

  package var method: HTTPMethod { head.method }
  package var pathSegments: [String] { head.pathSegments }
  package var headers: HTTPHeaders { head.headers }
}
