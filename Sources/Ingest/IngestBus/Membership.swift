import Consistency
import Model

/// Who materialises events from the same bus.
///
/// It decides nothing but how work is shared (`ClaimShare`). A coordinator that stops telling is
/// not counted any more once its lifetime has passed, by the backend's own clock.
package protocol Membership: Sendable {
  /// Tells that the coordinator is alive, and asks who else is.
  func heartbeat(owner: OwnerID, lifetimeMs: Int) async throws(BusError) -> ClaimShare.View

  /// The coordinator is not to be counted any more.
  func leave(owner: OwnerID) async throws(BusError)
}

/// The coordinator of a bus that belongs to one process.
package struct SoleMembership: Membership {
  package init() {}

  package func heartbeat(
    owner: OwnerID, lifetimeMs: Int
  ) async throws(BusError) -> ClaimShare.View { .alone }

  package func leave(owner: OwnerID) async throws(BusError) {}
}
