/// Why the server answers a request itself, without its handler.
package enum HTTPServerRefusal: Equatable, Sendable {

  /// 400, and the connection ends.
  case malformed(HTTPFramingFault)
  /// 413: the body is announced, or has turned out, to be larger than the route takes.
  case bodyTooLarge(limitBytes: Int)
  /// 408: head or body did not arrive in time; the connection ends.
  case receiveTimeout
  /// 503 with Retry-After: too many connections at once; the connection ends.
  case tooManyConnections
  /// 503 with Retry-After: too many requests are being handled.
  case tooManyRequests
  /// 503 with Retry-After: the request bodies held by all connections together are at their limit.
  case bodyMemoryExhausted
  /// 500: the handler's answer cannot be sent: its status is outside 200 to 599, or a field has
  /// a line break.
  case invalidResponse

  package var status: Int {
    switch self {
    case .malformed: 400
    case .bodyTooLarge: 413
    case .receiveTimeout: 408
    case .tooManyConnections, .tooManyRequests, .bodyMemoryExhausted: 503
    case .invalidResponse: 500
    }
  }
}
