import Consistency
import Model

/// Where accepted events wait between their acknowledgement and their commit.
///
/// The contract, which the conformance suite holds every backend to:
///
/// - **Publish** is atomic for a group and durable when it returns. Tokens are dense per tenant and
///   in commit order. A key that is there keeps its first token; with other content its request is
///   refused and leaves nothing. The tables' incarnation and schema version are checked inside.
/// - **Claim** hands out the run of events after the tenant's watermark, in token order, to one
///   owner at a time, under a lease with an epoch. Whole segments only, so a request's records
///   are never split over two commits.
/// - **Acknowledge** gives up segments at or below the committed watermark; never beyond it.
/// - Lease time is the backend's own clock.
package protocol IngestBus: Sendable {
  /// - Returns: one outcome a request, in the group's order.
  func publish(_ group: PublishGroup) async throws(BusError) -> [PublishOutcome]

  /// The first receipts of keys that are there already; nil for keys that are not.
  func receipts(for keys: [KeyHash]) async throws(BusError) -> [KeyReceipt?]

  /// Leases tenants with pending events to `owner` and reads what is pending.
  ///
  /// - Parameter tenants: whom to try, in this order.
  /// - Returns: what was obtained; tenants that another live owner holds are left out.
  func claimBatch(
    owner: OwnerID, tenants: [TenantID], limit: ClaimLimit, leaseMs: Int
  ) async throws(BusError) -> [TenantClaim]

  /// Prolongs leases that are still held.
  ///
  /// - Returns: the tenants whose lease is held on; the others are lost.
  func extendLease(
    owner: OwnerID, claims: [(tenant: TenantID, epoch: LeaseEpoch)], leaseMs: Int
  ) async throws(BusError) -> [TenantID]

  /// Drops the segments at or below a committed watermark.
  func acknowledge(_ watermarks: [(tenant: TenantID, through: VisibilityToken)])
    async throws(BusError)

  /// Gives claimed tenants back unprocessed, so that another owner need not wait for the lease.
  func release(
    owner: OwnerID, claims: [(tenant: TenantID, epoch: LeaseEpoch)], reason: ReleaseReason
  ) async throws(BusError)

  /// Frees the leases that have run out, with their epoch raised.
  ///
  /// - Returns: the tenants that were freed.
  func requeueExpired() async throws(BusError) -> [TenantID]

  /// Every tenant with events beyond its watermark.
  func backlog() async throws(BusError) -> [TenantBacklog]
}
