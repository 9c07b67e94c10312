/// How long a client may take to send a request.
struct ReceiveLimits: Sendable {
  let base: Duration
  /// For the request line of a kept connection: the idle time and then the base.
  let nextRequest: Duration
  let minBytesPerSecond: Int

  init(_ options: HTTPServerOptions) {
    base = .milliseconds(options.receiveDeadlineMs)
    nextRequest = base + .seconds(options.idleTimeoutSeconds)
    minBytesPerSecond = max(1, options.minReceiveBytesPerSecond)
  }

  func allowed(receivedBytes: Int) -> Duration {
    base + .seconds(receivedBytes / minBytesPerSecond)
  }
}
