/// One finished request, for logs and metrics.
package struct HTTPExchangeSummary: Sendable {
  package enum Termination: Equatable, Sendable {
    /// The answer was handed to the system whole.
    case completed
    /// The client closed or reset the connection first.
    case clientDisconnected
    /// Head or body did not arrive in time, or the answer was not taken in time.
    case timedOut
    /// The producer of a streamed answer gave up.
    case aborted
    /// The server stopped before the answer was out.
    case serverStopped
    /// Answered or dropped by the protocol layer itself: malformed, or over a limit.
    case refused
  }

  /// Nil when the head was not understood.
  package let head: HTTPRequestHead?
  package let rawTarget: [UInt8]
  /// 0 when there was no answer.
  package let status: Int
  /// From the request line to the end of the answer.
  package let duration: Duration
  package let requestBodyBytes: Int
  package let responseBodyBytes: Int
  package let termination: Termination
  /// The answer's label.
  package let label: String
}
