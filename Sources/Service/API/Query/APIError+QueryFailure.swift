import WorkerProtocol

extension APIError {
  /// A statement's own failure; its text is made for clients by the worker.
  init(_ failure: QueryFailure) {
    let message = failure.message
    switch failure.failure {
    case .invalidSQL: self.init(400, "INVALID_SQL", message)
    case .sqlNotAllowed: self.init(403, "SQL_NOT_ALLOWED", message)
    case .tableNotFound: self.init(404, "TABLE_NOT_FOUND", message)
    case .parametersInvalid: self.init(400, "PARAMS_INVALID", message)
    case .queryFailed, .duplicateColumns: self.init(400, "QUERY_FAILED", message)
    case .memoryExceeded: self.init(400, "QUERY_MEMORY_EXCEEDED", message)
    case .resultTooLarge: self.init(413, "RESULT_TOO_LARGE", message)
    case .snapshotGone:
      self.init(
        410, "SNAPSHOT_GONE", "the snapshot was expired while the query ran; ask again",
        isRetryable: true)
    case .cancelled: self.init(499, "CLIENT_CLOSED_REQUEST", "the client went away")
    case .workerBroken:
      self.init(
        503, "QUERY_WORKER_LOST", "the process that ran the query failed; ask again",
        isRetryable: true)
    }
  }
}
