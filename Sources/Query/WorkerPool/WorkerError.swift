import WorkerProtocol

/// Why a query gave no complete answer.
package enum WorkerError: Error {
  /// The statement failed; the text is for clients.
  case failed(QueryFailure)
  /// Too many queries wait already.
  case queueFull
  /// The query's time ended, waiting included.
  case timedOut
  /// The task was cancelled.
  case cancelled
  /// The process ended under the query; the next query gets another one.
  case workerLost
  /// No worker can be started, or none with the sandbox that is required.
  case unavailable(reason: String)
  /// The pool stops.
  case stopping
  /// Looking up the tables threw.
  case resolution(any Error)
  /// Taking the answer threw.
  case output(any Error)
}
