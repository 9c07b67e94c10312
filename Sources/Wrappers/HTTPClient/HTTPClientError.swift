/// Why there is no response.
///
/// A response with any status, 500 included, is not an error at this level. `detail` is libcurl's
/// own text: it may name host and port, never a path, header or body.
package enum HTTPClientError: Error, Sendable, Equatable {
  /// Not an absolute URL, or one with user information in it.
  case invalidURL
  /// A scheme other than `http` and `https`.
  case unsupportedScheme(String)
  /// A method that is not a token of letters.
  case invalidMethod
  /// A header name that is no token, or a value with a line break or NUL in it.
  case invalidHeader(name: String)
  /// A setting of the client outside its range.
  case invalidSetting(String)
  /// The client was closed before or during the exchange.
  case closed
  /// As many requests wait as `maximumWaitingRequests` allows.
  case tooManyWaiting(limit: Int)
  /// The calling task was cancelled, or the request's `cancel` was called.
  case cancelled
  /// The time was over; `requestSent` tells whether the server may have seen the request.
  case timedOut(requestSent: Bool)
  case cannotResolve(detail: String)
  case cannotConnect(detail: String)
  case tlsFailed(detail: String)
  /// The connection ended before the response was complete.
  case connectionLost(detail: String)
  /// What came back is not HTTP.
  case malformedResponse(detail: String)
  case responseTooLarge(limitBytes: Int)
  /// The sink asked to stop.
  case stoppedBySink
  /// The operating system or libcurl gave no handle, thread or memory.
  case resourcesExhausted
  /// Any other failure that libcurl names by its code.
  case transferFailed(code: Int, detail: String)

  /// Whether no byte of the request can have reached the server.
  package var isCertainlyNotSent: Bool {
    switch self {
    case .invalidURL, .unsupportedScheme, .invalidMethod, .invalidHeader, .invalidSetting,
      .tooManyWaiting, .cannotResolve, .cannotConnect, .resourcesExhausted:
      true
    case .timedOut(let requestSent):
      !requestSent
    case .closed, .cancelled, .tlsFailed, .connectionLost, .malformedResponse, .responseTooLarge,
      .stoppedBySink, .transferFailed:
      false
    }
  }
}
