import CMicroHTTPD

/// What the library says about the end of a request.
struct CompletionReason {
  let termination: HTTPExchangeSummary.Termination
  /// The status of an answer that the library had queued, its own error pages included, or 0.
  let queuedStatus: Int

  init(_ code: MHD_RequestTerminationCode, queuedStatus: Int) {
    self.queuedStatus = queuedStatus
    termination =
      switch code {
      case .REQUEST_TERMINATED_COMPLETED_OK: .completed
      case .REQUEST_TERMINATED_TIMEOUT_REACHED: .timedOut
      case .REQUEST_TERMINATED_DAEMON_SHUTDOWN: .serverStopped
      case .REQUEST_TERMINATED_WITH_ERROR, .REQUEST_TERMINATED_READ_ERROR,
        .REQUEST_TERMINATED_CLIENT_ABORT:
        .clientDisconnected
      @unknown default: .clientDisconnected
      }
  }
}
