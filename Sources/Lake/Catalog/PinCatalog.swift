import Model

/// A snapshot that a tenant keeps from expiry.
package struct SnapshotPin: Sendable, Equatable {
  package let snapshot: SnapshotID
  package let name: String?
  package let createdAt: Timestamp
  /// When it ends by itself; nil for one that stays until it is taken away.
  package let expiresAt: Timestamp?

  package init(snapshot: SnapshotID, name: String?, createdAt: Timestamp, expiresAt: Timestamp?) {
    self.snapshot = snapshot
    self.name = name
    self.createdAt = createdAt
    self.expiresAt = expiresAt
  }
}

/// What keeps a range of snapshots from expiry while it is read.
package struct SnapshotHold: Sendable, Hashable {
  package let tenant: TenantID
  package let id: String

  package init(tenant: TenantID, id: String) {
    self.tenant = tenant
    self.id = id
  }
}

/// Keeps snapshots from expiry.
///
/// **Invariant:** a snapshot that was pinned or held when a call here answered is not taken away by
/// an expiry that commits before the pin's end, whichever of the two began first: both lock the
/// lake's head, and expiry reads the pins under that lock, by the catalog's clock.
package protocol PinCatalog: Sendable {
  /// Pins a snapshot of the tenant's. One that is pinned already gets the new name and end.
  ///
  /// - Parameter limit: of the tenant's pins that have not ended.
  /// - Returns: nil when it would be one too many.
  /// - Throws: `snapshotNotFound`.
  func pin(
    _ snapshot: SnapshotID, name: String?, expiresAt: Timestamp?, tenant: TenantID, limit: Int
  ) async throws(CatalogError) -> SnapshotPin?

  /// - Returns: whether there was a pin.
  func unpin(_ snapshot: SnapshotID, tenant: TenantID) async throws(CatalogError) -> Bool

  /// Keeps every snapshot of a range, and every file that maintenance takes out of the lake from
  /// now on, until the lease ends or is given back.
  ///
  /// - Parameter limit: of the tenant's holds that have not ended.
  /// - Returns: nil when it would be one too many.
  /// - Throws: `snapshotNotFound` when the first snapshot is not there.
  func hold(
    _ snapshots: ClosedRange<SnapshotID>, tenant: TenantID, leaseMs: Int, limit: Int
  ) async throws(CatalogError) -> SnapshotHold?

  func release(_ hold: SnapshotHold) async throws(CatalogError)

  /// Takes away what has ended.
  ///
  /// - Returns: how many pins and holds went.
  func sweepPins() async throws(CatalogError) -> Int
}
