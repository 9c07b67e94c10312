/// What an operator should read in the log.
package enum WorkerPoolEvent: Sendable, Equatable {
  /// A process could not be started.
  case birthFailed(String)
  /// A process could not set up its sandbox or its engine.
  case workerRefused(String)
}

/// Counts for metrics.
package struct WorkerPoolStatistics: Sendable, Equatable {
  package let workers: Int
  package let spares: Int
  package let running: Int
  package let waiting: Int
  /// Since start.
  package let queriesStarted: UInt64
  package let workersStarted: UInt64
  /// Processes that ended under a query whose time was not over.
  package let workersLost: UInt64
}
