import Configuration
import ObjectStore
import Observability
import Runtime

extension Backends {
  static func postgreSQL(
    _ location: Secret, store: LocalObjectStore, _ configuration: ServerConfiguration,
    clock: any MonotonicClock, logger: Logger
  ) async throws -> Backends {
    throw CancellationError()
  }
}
