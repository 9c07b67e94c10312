/// Where the acknowledged events of a tenant are: the numbers of the ledger's identity.
package struct EventAccounting: Sendable, Equatable {
  package var acknowledged: Int64
  package var applied: Int64
  package var superseded: Int64
  package var noOp: Int64
  package var deadLettered: Int64
  package var discarded: Int64
  package var pending: Int64

  package init(
    acknowledged: Int64 = 0, applied: Int64 = 0, superseded: Int64 = 0, noOp: Int64 = 0,
    deadLettered: Int64 = 0, discarded: Int64 = 0, pending: Int64 = 0
  ) {
    self.acknowledged = acknowledged
    self.applied = applied
    self.superseded = superseded
    self.noOp = noOp
    self.deadLettered = deadLettered
    self.discarded = discarded
    self.pending = pending
  }

  /// Zero while the identity holds.
  package var imbalance: Int64 {
    acknowledged - applied - superseded - noOp - deadLettered - discarded - pending
  }
}

extension MetricSamples {
  /// Gives the accounting of one tenant.
  package mutating func set(
    _ metrics: DuckMeshMetrics.Accounting, _ accounting: EventAccounting, tenant: String
  ) {
    set(metrics.events, accounting.acknowledged, labels: tenant, "acknowledged")
    set(metrics.events, accounting.applied, labels: tenant, "applied")
    set(metrics.events, accounting.superseded, labels: tenant, "superseded")
    set(metrics.events, accounting.noOp, labels: tenant, "no_op")
    set(metrics.events, accounting.deadLettered, labels: tenant, "dead_lettered")
    set(metrics.events, accounting.discarded, labels: tenant, "discarded")
    set(metrics.events, accounting.pending, labels: tenant, "pending")
    set(metrics.imbalance, accounting.imbalance, labels: tenant)
  }
}
