/// Why a request cannot be told apart safely from what surrounds it on the connection.
///
/// A proxy in front may read such a request differently than we do, so none of them is repaired:
/// the request is answered 400 and the connection ends.
package enum HTTPFramingFault: Error, Equatable, Sendable, CaseIterable {
  case invalidMethod
  case invalidTarget
  case invalidFieldName
  case invalidFieldValue
  case missingHost
  case severalHosts
  case invalidHost
  case invalidContentLength
  case severalContentLengths
  case contentLengthAndTransferEncoding
  case unsupportedTransferEncoding

  /// A sentence for the client; it repeats nothing of the request.
  package var message: String {
    switch self {
    case .invalidMethod: "the request method is not a token"
    case .invalidTarget: "the request target is not a valid, percent-encoded path and query"
    case .invalidFieldName: "a header field name is not a token"
    case .invalidFieldValue: "a header field value contains a control character"
    case .missingHost: "an HTTP/1.1 request needs a Host header"
    case .severalHosts: "there is more than one Host header"
    case .invalidHost: "the Host header is invalid or contradicts the request target"
    case .invalidContentLength: "the Content-Length header is not a plain number"
    case .severalContentLengths: "there is more than one Content-Length header"
    case .contentLengthAndTransferEncoding:
      "Content-Length and Transfer-Encoding exclude each other"
    case .unsupportedTransferEncoding:
      "the only transfer coding understood is chunked, in HTTP/1.1, once"
    }
  }
}
