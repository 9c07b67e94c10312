/// Where the server listens, and every limit it holds.
package struct HTTPServerOptions: Sendable {
  /// An IPv4 or IPv6 address in digits.
  package var address = "127.0.0.1"
  /// 0 takes a free port; `HTTPServer.port` says which.
  package var port = 0
  /// Threads that move bytes; handlers do not run there. At least 1.
  package var threads = 2

  /// Connections at once; one more is answered 503 and closed.
  package var maxConnections = 8192
  /// Requests between their accepted head and the end of their handler; one more is answered 503.
  package var maxRequestsInFlight = 4096
  /// Memory for one request's line and header fields; larger is 414 or 431 from the HTTP library,
  /// with its own body.
  package var connectionMemoryBytes = 16 << 10
  /// A body larger than this is 413 even if the head hook would take more.
  package var maxBodyBytes = 32 << 20
  /// A streamed body larger than this is 413 even if the head hook would take more.
  package var maxStreamedBodyBytes = 4 << 30
  /// Bytes of a streamed body that the client may be ahead of its reader.
  package var bodyHighWaterBytes = 1 << 20
  /// Bodies held for all requests together; beyond it requests are answered 503.
  package var maxBufferedBodyBytes = 512 << 20
  /// Retry-After of the server's own 503.
  package var retryAfterSeconds = 1

  /// A connection on which nothing moves for this long is closed: between requests, while a body
  /// is awaited, or while the client does not take its answer. A running handler has no such limit.
  package var idleTimeoutSeconds = 60
  /// A request's head, and then its body at `minReceiveBytesPerSecond`, must arrive within this.
  package var receiveDeadlineMs = 30_000
  /// Each second's worth of received body at this rate extends the deadline by a second.
  package var minReceiveBytesPerSecond = 4 << 10
  /// Bytes of a streamed answer that its producer may be ahead of the client.
  package var streamHighWaterBytes = 256 << 10
  /// How often deadlines and vanished clients are looked for.
  package var sweepIntervalMs = 250
  /// A small body of a refused request is read to keep the connection, up to this size.
  package var maxSkippedBodyBytes = 64 << 10
  /// After `stop` has cancelled the handlers: how long their answers may still go out.
  package var cancelledAnswerGraceMs = 1_000
  /// After the connections have ended: how long `stop` waits for the handlers to return.
  package var handlerReturnGraceMs = 5_000

  package init() {}
}
