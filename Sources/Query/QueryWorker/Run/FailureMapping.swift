import DuckDB
import WorkerProtocol

/// Turns the engine's errors into the stable ones of the protocol, with texts that name no file.
enum FailureMapping {
  /// - Parameter otherwise: what an error means that the class alone does not tell.
  static func failure(
    of error: DuckDBError, otherwise: QueryFailureKind = .queryFailed
  ) -> QueryFailure {
    switch error.kind {
    case .outOfMemory:
      // Parts of the engine keep what they had taken: a fresh process is cheaper than trust.
      QueryFailure(.memoryExceeded, shown(error), retiresWorker: true)
    case .interrupted:
      QueryFailure(.cancelled, "the query was stopped")
    case .fatal, .dataCorruption, .internal:
      QueryFailure(.queryFailed, shown(error), retiresWorker: true)
    case .io where isMissingFile(error):
      QueryFailure(.snapshotGone, "a file of the snapshot is no longer there")
    case .io, .configuration, .connection, .resourceInUse, .network, .serialization, .transaction:
      QueryFailure(.workerBroken, "the query engine could not read its data")
    case .permission:
      QueryFailure(.sqlNotAllowed, "not allowed in a query: reaching files")
    case .parameter:
      QueryFailure(.parametersInvalid, shown(error))
    case .binder, .catalog, .parser, .notImplemented, .missingExtension, .dependency:
      QueryFailure(.invalidSQL, shown(error))
    case .constraint, .conversion, .divideByZero, .invalidInput, .outOfRange, .sequence:
      QueryFailure(otherwise, shown(error))
    }
  }

  /// Relations are the server's own text: their errors are never the tenant's.
  static func failure(ofRelations error: DuckDBError) -> QueryFailure {
    let failure = failure(of: error)
    switch failure.failure {
    case .memoryExceeded, .cancelled, .snapshotGone: return failure
    default: return QueryFailure(.workerBroken, "the query's tables could not be opened")
    }
  }

  /// An engine text that came without a class.
  static func scrubbed(_ message: String) -> String {
    shown(DuckDBError(kind: .parser, message: message))
  }

  private static func shown(_ error: DuckDBError) -> String {
    CatalogListing.shown(error.scrubbedMessage)
  }

  private static func isMissingFile(_ error: DuckDBError) -> Bool {
    error.message.contains("No such file") || error.message.contains("No files found")
      || error.message.contains("does not exist")
  }
}
