/// A request's method, target and header fields, checked; shared by everyone who handles it.
package final class HTTPRequestHead: Sendable {
  package let method: HTTPMethod
  package let target: HTTPRequestTarget
  package let headers: HTTPHeaders
  package let isHTTP10: Bool
  let framing: RequestFraming

  package init(
    method: HTTPMethod, target: HTTPRequestTarget, headers: HTTPHeaders, isHTTP10: Bool = false
  ) throws(HTTPFramingFault) {
    self.method = method
    self.target = target
    self.headers = headers
    self.isHTTP10 = isHTTP10
    framing = try RequestFraming(
      method: method, target: target, headers: headers, isHTTP10: isHTTP10)
  }

  package var pathSegments: [String] { target.pathSegments }

  /// The announced body size in bytes; nil when the body is chunked, 0 when there is none.
  package var contentLength: Int? {
    switch framing.body {
    case .none: 0
    case .length(let bytes): bytes
    case .chunked: nil
    }
  }

  package var hasBody: Bool { framing.body != .none }
}
