import Catalog
import Model
import WorkerProtocol

/// Why a query was not answered.
package enum QueryError: Error {
  /// No such token was ever issued to the tenant.
  case tokenNeverIssued
  /// The token is void: its event was lost when the catalog was restored, or there never was one.
  case tokenVoid(VisibilityToken)
  /// The token was not visible in time. The write is durable all the same.
  case consistencyTimeout(requested: VisibilityToken, latest: VisibilityToken)
  case tooManyWaiters
  /// The named token's event is a dead letter.
  case deadLettered(token: VisibilityToken, reason: String)
  case snapshotNotFound
  /// The snapshot before the first one is not kept any more, so what that one changed is not known.
  case changesNotKept
  /// There are more snapshots in the range than one feed takes.
  case tooManySnapshots(limit: Int)
  /// The snapshot was expired while the query ran; asking again reads a newer one.
  case snapshotGone
  /// The statement names a table that the snapshot does not have.
  case tableNotFound(names: [String])
  case failed(QueryFailure)
  case queueFull
  case timedOut
  case cancelled
  case workerLost
  case stopping
  /// The catalog or the workers are not to be had.
  case unavailable(reason: String)
}

extension QueryError {
  init(_ error: CatalogError) {
    self =
      switch error {
      case .snapshotNotFound: .snapshotNotFound
      case .tenantLimitReached, .tableExists, .tableNotFound, .tableChanged, .storageFull:
        .unavailable(reason: "\(error)")
      case .unavailable(let reason), .damaged(let reason): .unavailable(reason: reason)
      }
  }

  /// Whether the query was not even queued.
  package var isQueueFull: Bool {
    if case .queueFull = self { true } else { false }
  }
}
