import Model

/// The state of one lease row.
package struct LeaseState: Sendable, Equatable {
  package var epoch: LeaseEpoch
  package var owner: OwnerID?
  /// By the catalog's clock; the lease has ended when this is not in the future.
  package var leasedUntil: Timestamp

  package init(epoch: LeaseEpoch, owner: OwnerID?, leasedUntil: Timestamp) {
    self.epoch = epoch
    self.owner = owner
    self.leasedUntil = leasedUntil
  }

  package static let free = LeaseState(
    epoch: LeaseEpoch(0), owner: nil, leasedUntil: Timestamp(microseconds: .min))
}

/// Who may take, keep and use a lease.
///
/// Invariant: the epoch rises with every change of hands and whenever an expired lease is taken
/// again, also by its former owner, so two holders never share an epoch.
package enum LeaseRules {
  package static func isLive(_ state: LeaseState, now: Timestamp) -> Bool {
    state.owner != nil && state.leasedUntil > now
  }

  /// The lease after `owner` took or renewed it.
  ///
  /// - Returns: nil when another owner's lease is still live.
  package static func claim(
    _ state: LeaseState, owner: OwnerID, now: Timestamp, leaseMs: Int
  ) -> LeaseState? {
    let isLive = isLive(state, now: now)
    if isLive && state.owner != owner { return nil }
    return LeaseState(
      epoch: isLive ? state.epoch : state.epoch.next, owner: owner,
      leasedUntil: now.adding(milliseconds: leaseMs))
  }

  /// The lease after a heartbeat.
  ///
  /// - Returns: nil when it has been lost: other owner, other epoch, or expired. An expired lease
  /// is
  ///   never revived, because its uncommitted files may have been collected.
  package static func extend(
    _ state: LeaseState, owner: OwnerID, epoch: LeaseEpoch, now: Timestamp, leaseMs: Int
  ) -> LeaseState? {
    guard isHeld(state, by: owner, epoch: epoch, now: now) else { return nil }
    return LeaseState(
      epoch: epoch, owner: owner, leasedUntil: now.adding(milliseconds: leaseMs))
  }

  /// Whether `owner` may commit under `epoch` right now.
  package static func isHeld(
    _ state: LeaseState, by owner: OwnerID, epoch: LeaseEpoch, now: Timestamp
  ) -> Bool {
    isLive(state, now: now) && state.owner == owner && state.epoch == epoch
  }

  /// Whether `owner` may work under its lease without renewing it: more than half its time is left.
  package static func isComfortable(
    _ state: LeaseState, for owner: OwnerID, now: Timestamp, leaseMs: Int
  ) -> Bool {
    state.owner == owner && state.leasedUntil > now.adding(milliseconds: leaseMs / 2)
  }

  /// Whether the lease has run out in its holder's hands.
  package static func hasExpired(_ state: LeaseState, now: Timestamp) -> Bool {
    state.owner != nil && state.leasedUntil <= now
  }

  /// The lease after its holder asked what became of a commit under it, so that a commit which has
  /// not arrived yet is refused when it does.
  ///
  /// - Returns: nil when somebody else's turn has refused it already.
  package static func resolved(
    _ state: LeaseState, owner: OwnerID, epoch: LeaseEpoch
  ) -> LeaseState? {
    // Also when it has expired: a clock that goes back would make it live again.
    guard state.owner == owner, state.epoch == epoch else { return nil }
    return fencedOff(state)
  }

  /// Whether nobody can commit any more what was written under `epoch`.
  package static func isOutlived(_ epoch: LeaseEpoch, current: LeaseEpoch) -> Bool {
    epoch < current
  }

  /// The lease with its epoch raised, so that whatever its holder still sends is refused.
  package static func fencedOff(_ state: LeaseState) -> LeaseState {
    LeaseState(
      epoch: state.epoch.next, owner: nil, leasedUntil: Timestamp(microseconds: .min))
  }
}
