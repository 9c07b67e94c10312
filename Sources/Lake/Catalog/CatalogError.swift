import Model

/// Why the catalog refused or could not do what was asked.
package enum CatalogError: Error, Equatable, Sendable {
  case tenantLimitReached(limit: Int)
  case tableExists
  case tableNotFound
  /// The table has another schema version than the change was made for.
  case tableChanged
  /// No such snapshot, expired, or not one of this tenant.
  case snapshotNotFound
  /// The backend is out of reach or failing; nothing was applied.
  case unavailable(reason: String)
  /// The backend has no space left; nothing was applied.
  case storageFull
  /// What is stored contradicts itself.
  case damaged(reason: String)
}

/// Why a commit was not, or not certainly, applied.
package enum CommitError: Error, Equatable, Sendable {
  /// The leases of these tenants are lost or their watermarks have moved. The rest may be committed
  /// again without them.
  case fenced([TenantID])
  /// These tables were dropped or changed since the batch was materialised.
  case tablesChanged([TableID])
  /// Files that the commit replaces are not live any more.
  case filesChanged
  /// These dead letters are not as they were claimed: discarded, or asked for with another payload.
  case lettersChanged([Int64])
  /// The commit contradicts itself: a bug of ours, never applied.
  case inconsistent(reason: String)
  /// Certainly not applied.
  case unavailable(reason: String)
  /// Certainly not applied.
  case storageFull
  /// Sent, and no answer came: `CommitCatalog.resolve` finds out.
  case outcomeUnknown(reason: String)

  /// Whether the commit certainly changed nothing.
  package var isCertainlyNotApplied: Bool {
    switch self {
    case .fenced, .tablesChanged, .filesChanged, .lettersChanged, .inconsistent, .unavailable,
      .storageFull:
      true
    case .outcomeUnknown: false
    }
  }
}
