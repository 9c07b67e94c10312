import Model

/// What happened to the lake, told by whoever did it.
package enum LakeSignal: Sendable, Equatable {
  package struct CommittedTenant: Sendable, Equatable {
    package let tenant: TenantID
    package let watermark: VisibilityToken
    package let snapshot: SnapshotID

    package init(tenant: TenantID, watermark: VisibilityToken, snapshot: SnapshotID) {
      self.tenant = tenant
      self.watermark = watermark
      self.snapshot = snapshot
    }
  }

  /// One commit moved these watermarks.
  case committed([CommittedTenant])
  /// Somebody waits until the tenant's event with this token is visible, or with no token at all,
  /// until its dead letters are replayed.
  case demanded(tenant: TenantID, token: VisibilityToken)
  /// Tables of the tenant were made, changed or dropped.
  case tablesChanged(tenant: TenantID)
  /// A coordinator has given tenants back: others may claim them at once.
  case released
  /// Signals may have been lost: read everything anew.
  case missed
}

/// How the processes of one lake, or the parts of one process, wake each other.
///
/// Signals are hints and never decide anything. A signal may come twice, late, out of order or not
/// at all, though never a false one: a watermark that is told is committed. Who listens also polls;
/// a subscriber that falls behind, and everybody after a connection was lost, gets `.missed`.
package protocol LakeSignals: Sendable {
  /// Tells whoever commits that somebody waits; never blocks, and demands of the same tenant that
  /// are not sent yet become one.
  func send(demand tenant: TenantID, token: VisibilityToken)

  /// The signals from now on, those of this process among them.
  ///
  /// The first one is `.missed`, so that what happened before is read. The stream ends when its
  /// task is cancelled or the signals are closed.
  func subscribe() -> AsyncStream<LakeSignal>
}
