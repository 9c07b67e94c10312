import Catalog
import Consistency
import IngestBus
import Model
import Runtime
import Testing

/// The promise of the watermark: at every snapshot that a reader ever sees, exactly the events at
/// or
/// below the tenant's watermark are visible, each once.
@Suite struct WatermarkTests {
  @Test(arguments: StoreBackends.all, [UInt64(21), 22])
  func noSweepEverSeesASkippedToken(_ kind: StoreKind, _ seed: UInt64) async throws {
    try await withLab(kind) { lab in
      let sweeps = try await run(lab, seed: seed)
      #expect(sweeps.failures.isEmpty)
      #expect(sweeps.count > 10)
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  /// The sweeps are worth nothing unless they catch a bus that loses or shuffles segments under a
  /// coordinator that believes it.
  @Test(arguments: StoreBackends.all, Fault.allCases)
  func theSweepsCatchABrokenBus(_ kind: StoreKind, _ fault: Fault) async throws {
    try await withLab(kind) { lab in
      let broken = Lab(
        backend: lab.backend, clock: lab.clock,
        store: OpenStore(bus: BrokenBus(lab.bus, fault), catalog: lab.catalog), lake: lab.lake)
      let sweeps = try await run(broken, seed: 31)
      #expect(!sweeps.failures.isEmpty)
    }
  }

  private func run(_ lab: Lab, seed: UInt64) async throws -> Sweeps {
    var tables: [TableRecord] = []
    for name in ["a", "b"] { tables.append(try await lab.makeTable(of: name)) }
    let workload = Workload(lab: lab, tables: tables, seed: seed)
    let state = RunState()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for publisher in 0..<4 {
        group.addTask {
          try await workload.publish(publisher)
          state.writers.withLock { $0 -= 1 }
        }
      }
      for coordinator in 0..<2 {
        group.addTask {
          try await workload.coordinate(coordinator, while: { state.writers.withLock { $0 > 0 } })
        }
      }
      group.addTask {
        var random = SeededGenerator(seed: seed &+ 99)
        while state.writers.withLock({ $0 > 0 }) || state.sweeps.withLock({ $0.count < 20 }) {
          let found = try await workload.sweep(&random)
          state.sweeps.withLock { $0.add(found) }
        }
      }
      try await group.waitForAll()
    }
    for _ in 0..<tables.count {
      var random = SeededGenerator(seed: 1)
      let found = try await workload.sweep(&random)
      state.sweeps.withLock { $0.add(found) }
    }
    return state.sweeps.withLock { $0 }
  }
}

private final class RunState: Sendable {
  let writers = Lock(4)
  let sweeps = Lock(Sweeps())
}

private struct Sweeps: Sendable {
  var count = 0
  var failures: [String] = []
  mutating func add(_ found: [String]) {
    count += 1
    failures += found
  }
}

private struct Workload: Sendable {
  let lab: Lab
  let tables: [TableRecord]
  let seed: UInt64

  func publish(_ number: Int) async throws {
    var random = SeededGenerator(seed: seed &* 100 &+ UInt64(number))
    for round in 0..<40 {
      let drafts = (0...random.below(3)).map { part in
        Draft(
          tables[random.below(tables.count)],
          (0...random.below(5)).map { TestEvent("\(number)-\(round)-\(part)-\($0)") })
      }
      _ = try await lab.publish(drafts)
      await pause(&random)
    }
  }

  /// A coordinator that dawdles, so that its lease runs out at every step of its work.
  func coordinate(_ number: Int, while goesOn: @Sendable () -> Bool) async throws {
    var random = SeededGenerator(seed: seed &* 100 &+ 50 &+ UInt64(number))
    let owner = OwnerID("coordinator-\(number)")
    var last = 2
    while last > 0 {
      if !goesOn() { last -= 1 }
      let limit = ClaimLimit(records: 1 + random.below(30))
      let claims = try await lab.claim(owner, tables.map(\.tenant), limit: limit)
      await pause(&random)
      if random.chance(10) { lab.clock.advanceLease(milliseconds: random.below(leaseMs * 2)) }
      guard !claims.isEmpty else { continue }
      do {
        _ = try await lab.catalog.commit(try believing(claims, owner: owner))
      } catch CommitError.fenced {
        continue
      }
      await pause(&random)
      try await lab.bus.acknowledge(claims.map { ($0.tenant, $0.to) })
    }
  }

  /// The commit of one who counts what does not come as done, so that only a reader can tell.
  private func believing(_ claims: [TenantClaim], owner: OwnerID) throws -> EventCommit {
    let commit = try lab.materialise(claims, owner: owner)
    let ledger = commit.ledger.map { row in
      let claim = claims.first { $0.tenant == row.tenant }
      let passed = claim.map { $0.to.rawValue - $0.from.rawValue } ?? 0
      var counts = row.counts
      counts.noOperation += passed - counts.total
      return NewLedgerRow(tenant: row.tenant, table: row.table, counts: counts)
    }
    return commit.replacing(ledger: ledger)
  }

  /// - Returns: what was wrong.
  func sweep(_ random: inout SeededGenerator) async throws -> [String] {
    var wrong: [String] = []
    for table in tables {
      var snapshot = try await lab.catalog.latestSnapshot(tenant: table.tenant)
      await pause(&random)
      if random.chance(30) {
        let all = try await lab.catalog.snapshots(tenant: table.tenant, before: nil, limit: 50)
        snapshot = all[random.below(all.count)]
      }
      let tokens = try await lab.visibleTokens(table.tenant, at: snapshot.id)
      if tokens != (1..<(snapshot.watermark.rawValue + 1)).map({ $0 }) {
        wrong.append("watermark \(snapshot.watermark.rawValue), visible \(tokens)")
      }
    }
    return wrong
  }

  private func pause(_ random: inout SeededGenerator) async {
    for _ in 0..<random.below(20) { await Task.yield() }
  }
}

enum Fault: CaseIterable { case losesASegment, movesTheWatermarkTooFar, relabelsASegment }

/// A bus that breaks its contract now and then.
private struct BrokenBus: IngestBus {
  private let bus: any IngestBus
  private let fault: Fault

  init(_ bus: any IngestBus, _ fault: Fault) {
    self.bus = bus
    self.fault = fault
  }

  func claimBatch(
    owner: OwnerID, tenants: [TenantID], limit: ClaimLimit, leaseMs: Int
  ) async throws(BusError) -> [TenantClaim] {
    try await bus.claimBatch(owner: owner, tenants: tenants, limit: limit, leaseMs: leaseMs)
      .map(damaged)
  }

  private func damaged(_ claim: TenantClaim) -> TenantClaim {
    guard claim.segments.count > 1, let last = claim.segments.last else { return claim }
    var segments = claim.segments
    switch fault {
    case .losesASegment: segments.remove(at: segments.count / 2 - (segments.count == 2 ? 1 : 0))
    case .movesTheWatermarkTooFar:
      let kept = segments[segments.count - 2]
      segments.removeLast()
      segments[segments.count - 1] = relabelled(kept, kept.firstToken, last.lastToken)
    case .relabelsASegment:
      segments[0] = relabelled(segments[0], last.firstToken, segments[0].lastToken)
    }
    return TenantClaim(
      tenant: claim.tenant, epoch: claim.epoch, from: claim.from, segments: segments)
  }

  private func relabelled(
    _ segment: Segment, _ first: VisibilityToken, _ last: VisibilityToken
  ) -> Segment {
    Segment(
      firstToken: first, lastToken: last, publishedAt: segment.publishedAt, body: segment.body,
      skipped: segment.skipped)
  }

  func publish(_ group: PublishGroup) async throws(BusError) -> [PublishOutcome] {
    try await bus.publish(group)
  }
  func receipts(for keys: [KeyHash]) async throws(BusError) -> [KeyReceipt?] {
    try await bus.receipts(for: keys)
  }
  func extendLease(
    owner: OwnerID, claims: [(tenant: TenantID, epoch: LeaseEpoch)], leaseMs: Int
  ) async throws(BusError) -> [TenantID] {
    try await bus.extendLease(owner: owner, claims: claims, leaseMs: leaseMs)
  }
  func acknowledge(
    _ watermarks: [(tenant: TenantID, through: VisibilityToken)]
  ) async throws(BusError) {
    try await bus.acknowledge(watermarks)
  }
  func release(
    owner: OwnerID, claims: [(tenant: TenantID, epoch: LeaseEpoch)], reason: ReleaseReason
  ) async throws(BusError) {
    try await bus.release(owner: owner, claims: claims, reason: reason)
  }
  func requeueExpired() async throws(BusError) -> [TenantID] { try await bus.requeueExpired() }
  func backlog() async throws(BusError) -> [TenantBacklog] { try await bus.backlog() }
}
