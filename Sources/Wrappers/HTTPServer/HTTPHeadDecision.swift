/// What becomes of a request once its head is known and before its body is read.
package enum HTTPHeadDecision: Sendable {
  /// Answers at once; the handler is not run. No `100 Continue` is sent, and a body that is not
  /// small is not read.
  case refuse(HTTPResponse)
  /// Reads the body up to the limit (and the server's own `maxBodyBytes`), then runs the handler
  /// with the context.
  case accept(maxBodyBytes: Int, context: (any Sendable)? = nil)
  /// Runs the handler at once; it reads the body, up to the limit (and the server's own
  /// `maxStreamedBodyBytes`), from `HTTPRequest.bodyStream` as it arrives.
  ///
  /// An answer before the body's end closes the connection, and must not be a stream.
  case stream(maxBodyBytes: Int, context: (any Sendable)? = nil)
}
