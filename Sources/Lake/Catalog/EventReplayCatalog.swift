import Model

/// What is to be replayed: the events of one table in a range of tokens, into a table.
package struct EventReplayOrder: Sendable, Equatable {
  package let source: TableID
  package let target: TableID
  package let range: ClosedRange<VisibilityToken>
  /// An event enters a table once under each series, however often it is replayed.
  package let series: String

  package init(
    source: TableID, target: TableID, range: ClosedRange<VisibilityToken>, series: String
  ) {
    self.source = source
    self.target = target
    self.range = range
    self.series = series
  }
}

/// A replay of events and how far it has come.
package struct EventReplay: Sendable, Equatable {
  package enum Status: String, Sendable, CaseIterable {
    case running, completed, failed, cancelled
  }

  package let id: Int64
  package let tenant: TenantID
  package let order: EventReplayOrder
  package let sourceName: String
  package let targetName: String
  package let status: Status
  /// The first token of the range that is not dealt with.
  package let next: VisibilityToken
  /// Events of the source that were dealt with.
  package let eventCount: Int64
  /// Those of them that were published as dead letters.
  package let rejectedCount: Int64
  /// The highest token that an event has in the target.
  package let newest: VisibilityToken
  /// Of one that failed.
  package let errorCode: String?
  package let createdAt: Timestamp
  package let updatedAt: Timestamp

  package init(
    id: Int64, tenant: TenantID, order: EventReplayOrder, sourceName: String, targetName: String,
    status: Status, next: VisibilityToken, eventCount: Int64, rejectedCount: Int64,
    newest: VisibilityToken, errorCode: String?, createdAt: Timestamp, updatedAt: Timestamp
  ) {
    self.id = id
    self.tenant = tenant
    self.order = order
    self.sourceName = sourceName
    self.targetName = targetName
    self.status = status
    self.next = next
    self.eventCount = eventCount
    self.rejectedCount = rejectedCount
    self.newest = newest
    self.errorCode = errorCode
    self.createdAt = createdAt
    self.updatedAt = updatedAt
  }
}

/// A part of a replay that was carried out.
package struct EventReplayStep: Sendable, Equatable {
  package let replay: Int64
  /// Where the replay stood; another step may have been faster.
  package let from: VisibilityToken
  package let to: VisibilityToken
  package let events: Int64
  package let rejected: Int64
  package let newest: VisibilityToken

  package init(
    replay: Int64, from: VisibilityToken, to: VisibilityToken, events: Int64 = 0,
    rejected: Int64 = 0, newest: VisibilityToken = .none
  ) {
    self.replay = replay
    self.from = from
    self.to = to
    self.events = events
    self.rejected = rejected
    self.newest = newest
  }
}

/// Replays of events: asked for, carried out by whoever holds them, given up.
///
/// A tenant has at most one that is running. The lease spares work only: two that carry out the
/// same replay do no harm, because each publishes a part only when the one before it is durable,
/// and what is published already has its key.
package protocol EventReplayCatalog: Sendable {
  /// The live table of that name, any case, or the one of that name that was dropped last.
  func replaySource(
    named name: String, tenant: TenantID, isDropped: Bool
  ) async throws(CatalogError) -> TableRecord?

  /// - Returns: the new replay, or the one of the tenant that is running and stands in its way.
  func beginReplay(
    _ order: EventReplayOrder, tenant: TenantID
  ) async throws(CatalogError) -> (replay: EventReplay, isNew: Bool)

  /// Newest first, those before `id`.
  func eventReplays(
    tenant: TenantID, before id: Int64?, limit: Int
  ) async throws(CatalogError) -> [EventReplay]

  /// Ends a replay that is running; what was published stays.
  ///
  /// - Returns: how it stands afterwards; nil when the tenant has no such replay.
  func cancelReplay(_ id: Int64, tenant: TenantID) async throws(CatalogError) -> EventReplay?

  /// Leases the running replay that nobody holds and that was worked on longest ago.
  func claimEventReplay(
    owner: OwnerID, leaseMs: Int
  ) async throws(CatalogError) -> EventReplay?

  /// Writes a step down and prolongs the lease; a step of no tokens prolongs it alone.
  ///
  /// - Returns: whether the replay is still running, still the owner's, and stood where the step
  ///   begins; nothing is written otherwise.
  func advance(
    _ step: EventReplayStep, owner: OwnerID, leaseMs: Int
  ) async throws(CatalogError) -> Bool

  /// Ends a replay that the owner holds and that is running.
  ///
  /// - Parameter errorCode: nil when all of it is done.
  func finishReplay(
    _ id: Int64, owner: OwnerID, errorCode: String?
  ) async throws(CatalogError)
}

/// Replays that have ended are forgotten beyond so many of a tenant.
package enum EventReplayLimits {
  package static let kept = 100
}
