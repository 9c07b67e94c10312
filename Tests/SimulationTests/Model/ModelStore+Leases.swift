import Consistency
import Model

extension ModelStore {
  /// The first step of a claim, which reads and changes nothing.
  func readPending(owner: OwnerID, tenants wanted: [Int]) -> [ModelPending] {
    wanted.compactMap { tenant in
      let row = tenants[tenant]
      let claimed = LeaseRules.claim(row.lease, owner: owner, now: now, leaseMs: Self.leaseMs)
      guard claimed != nil else { return nil }
      var last = row.watermark
      for segment in row.segments
      where segment.first == last + 1 && segment.last <= row.watermark + Self.claimLimit {
        last = segment.last
      }
      guard last > row.watermark else { return nil }
      return ModelPending(
        tenant: tenant, watermark: row.watermark, lease: row.lease, last: last)
    }
  }

  func isComfortable(_ pending: [ModelPending], owner: OwnerID) -> Bool {
    pending.allSatisfy {
      LeaseRules.isComfortable($0.lease, for: owner, now: now, leaseMs: Self.leaseMs)
    }
  }

  /// The second step of a claim.
  mutating func claim(_ pending: [ModelPending], owner: OwnerID) -> [ModelClaim] {
    var claims: [ModelClaim] = []
    for candidate in pending {
      let row = tenants[candidate.tenant]
      guard row.watermark == candidate.watermark,
        let claimed = LeaseRules.claim(
          row.lease, owner: owner, now: now, leaseMs: Self.leaseMs)
      else {
        oracle.reach(.claimLost)
        continue
      }
      write(claimed, of: candidate.tenant)
      claims.append(
        ModelClaim(
          tenant: candidate.tenant, epoch: claimed.epoch, from: candidate.watermark,
          to: candidate.last))
    }
    return claims
  }

  mutating func extend(_ claims: [ModelClaim], owner: OwnerID) {
    for claim in claims {
      let lease = tenants[claim.tenant].lease
      let instant =
        planted == .leaseRevivedAfterExpiry && LeaseRules.hasExpired(lease, now: now)
        ? Timestamp(microseconds: lease.leasedUntil.microseconds - 1) : now
      guard
        LeaseRules.extend(
          lease, owner: owner, epoch: claim.epoch, now: instant, leaseMs: Self.leaseMs) != nil
      else {
        oracle.reach(.heartbeatTooLate)
        continue
      }
      write(
        LeaseState(
          epoch: claim.epoch, owner: owner,
          leasedUntil: now.adding(milliseconds: Self.leaseMs)), of: claim.tenant)
    }
  }

  mutating func release(_ leases: [(tenant: Int, epoch: LeaseEpoch)], owner: OwnerID) {
    for (tenant, epoch) in leases
    where LeaseRules.isHeld(tenants[tenant].lease, by: owner, epoch: epoch, now: now) {
      write(LeaseRules.fencedOff(tenants[tenant].lease), of: tenant)
      oracle.reach(.leaseGivenBack)
    }
  }

  /// Frees what has run out (also the first thing that the collector of orphans does).
  ///
  /// - Returns: the epoch of each tenant.
  mutating func raiseExpired() -> [LeaseEpoch] {
    for tenant in tenants.indices
    where LeaseRules.hasExpired(tenants[tenant].lease, now: now) {
      write(LeaseRules.fencedOff(tenants[tenant].lease), of: tenant)
    }
    return tenants.map(\.lease.epoch)
  }

  mutating func acknowledge(_ watermarks: [(tenant: Int, through: Int)]) {
    for (tenant, through) in watermarks {
      let bound =
        planted == .discardedBeforeCommitted ? through : min(through, tenants[tenant].watermark)
      oracle.discarding(tenants[tenant], through: bound)
      tenants[tenant].segments.removeAll { $0.last <= bound }
    }
  }

  mutating func write(_ lease: LeaseState, of tenant: Int) {
    oracle.leaseChanges(from: tenants[tenant].lease, to: lease, now: now)
    tenants[tenant].lease = lease
  }

  /// Tenants with events beyond their watermark, and their heads.
  func backlog() -> [(tenant: Int, head: Int)] {
    tenants.indices.compactMap {
      tenants[$0].head > tenants[$0].watermark ? ($0, tenants[$0].head) : nil
    }
  }
}
