import Catalog
import IngestBus
import Model
import Testing

@Suite struct ClaimTests {
  private let first = OwnerID("first")
  private let second = OwnerID("second")

  @Test(arguments: StoreBackends.all)
  func aLiveLeaseKeepsOthersOutAndItsOwnerItsEpoch(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 2)
      let claim = try #require(try await lab.claim(first, [table.tenant]).first)
      #expect(claim.from == .none)
      #expect(claim.to == VisibilityToken(2))
      #expect(try await lab.claim(second, [table.tenant]).isEmpty)
      lab.clock.advanceLease(milliseconds: leaseMs - 1)
      #expect(try await lab.claim(second, [table.tenant]).isEmpty)
      #expect(try await lab.claim(first, [table.tenant]).first?.epoch == claim.epoch)
    }
  }

  @Test(arguments: StoreBackends.all)
  func anExpiredLeaseIsTakenWithAHigherEpochAlsoByItsFormerOwner(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 1)
      let one = try #require(try await lab.claim(first, [table.tenant]).first)
      lab.clock.advanceLease(milliseconds: leaseMs)
      let two = try #require(try await lab.claim(second, [table.tenant]).first)
      #expect(two.epoch > one.epoch)
      lab.clock.advanceLease(milliseconds: leaseMs)
      let three = try #require(try await lab.claim(second, [table.tenant]).first)
      #expect(three.epoch > two.epoch)
    }
  }

  @Test(arguments: StoreBackends.all)
  func extendingKeepsHeldLeasesAndNamesTheLostOnes(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let kept = try await lab.makeTable(of: "acme")
      let stolen = try await lab.makeTable(of: "globex")
      for table in [kept, stolen] { try await lab.publishRows(table, 1) }
      let stolenClaim = try #require(try await lab.claim(first, [stolen.tenant]).first)
      lab.clock.advanceLease(milliseconds: leaseMs - 1)
      let keptClaim = try #require(try await lab.claim(first, [kept.tenant]).first)
      lab.clock.advanceLease(milliseconds: 1)
      let claims = [stolenClaim, keptClaim].map { ($0.tenant, $0.epoch) }
      #expect(
        try await lab.bus.extendLease(owner: first, claims: claims, leaseMs: leaseMs)
          == [kept.tenant])
      #expect(
        try await lab.bus.extendLease(
          owner: first, claims: [(kept.tenant, keptClaim.epoch.next)], leaseMs: leaseMs
        ).isEmpty)
      #expect(
        try await lab.bus.extendLease(
          owner: second, claims: [(kept.tenant, keptClaim.epoch)], leaseMs: leaseMs
        ).isEmpty)
      lab.clock.advanceLease(milliseconds: leaseMs - 1)
      #expect(try await lab.claim(second, [kept.tenant]).isEmpty)
      #expect(try await lab.claim(second, [stolen.tenant]).count == 1)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aReleasedTenantIsFreeAtOnceAndItsOldEpochIsWorthNothing(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 1)
      let claim = try #require(try await lab.claim(first, [table.tenant]).first)
      let names = [(tenant: claim.tenant, epoch: claim.epoch)]
      try await lab.bus.release(
        owner: first, claims: [(claim.tenant, claim.epoch.next)], reason: .shutdown)
      try await lab.bus.release(owner: second, claims: names, reason: .shutdown)
      #expect(try await lab.claim(second, [table.tenant]).isEmpty)
      try await lab.bus.release(owner: first, claims: names, reason: .shutdown)
      let taken = try #require(try await lab.claim(second, [table.tenant]).first)
      #expect(taken.epoch > claim.epoch)
      try await lab.bus.release(owner: first, claims: names, reason: .shutdown)
      #expect(try await lab.claim(first, [table.tenant]).isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func requeueFreesExpiredLeasesOnlyAndRaisesTheirEpoch(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let dead = try await lab.makeTable(of: "acme")
      let alive = try await lab.makeTable(of: "globex")
      for table in [dead, alive] { try await lab.publishRows(table, 1) }
      let claim = try #require(try await lab.claim(first, [dead.tenant]).first)
      lab.clock.advanceLease(milliseconds: leaseMs - 1)
      _ = try await lab.claim(first, [alive.tenant])
      #expect(try await lab.bus.requeueExpired().isEmpty)
      lab.clock.advanceLease(milliseconds: 1)
      #expect(try await lab.bus.requeueExpired() == [dead.tenant])
      #expect(try await lab.bus.requeueExpired().isEmpty)
      let commit = try lab.materialise([claim], owner: first)
      await #expect(throws: CommitError.fenced([dead.tenant])) {
        try await lab.catalog.commit(commit)
      }
    }
  }

  @Test(arguments: StoreBackends.all)
  func aTenantWithNothingPendingIsNotLeased(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let idle = try await lab.makeTable(of: "acme")
      let busy = try await lab.makeTable(of: "globex")
      try await lab.publishRows(busy, 1)
      #expect(
        try await lab.claim(first, [idle.tenant, busy.tenant]).map(\.tenant) == [busy.tenant])
      try await lab.publishRows(idle, 1)
      #expect(try await lab.claim(second, [idle.tenant]).map(\.tenant) == [idle.tenant])
    }
  }

  @Test(arguments: StoreBackends.all)
  func tenantsBeyondTheLimitAreNotLeased(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      var tenants: [TenantID] = []
      for name in ["a", "b", "c"] {
        let table = try await lab.makeTable(of: name)
        try await lab.publishRows(table, 3)
        tenants.append(table.tenant)
      }
      let order = [tenants[2], tenants[0], tenants[1]]
      let claims = try await lab.claim(first, order, limit: ClaimLimit(records: 4))
      #expect(claims.map(\.tenant) == [tenants[2], tenants[0]])
      #expect(claims.map(\.to.rawValue) == [3, 1])
      #expect(try await lab.claim(second, order).map(\.tenant) == [tenants[1]])
    }
  }

  @Test(arguments: StoreBackends.all)
  func aClaimIsCutAtSegmentBordersOnly(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      for group in 0..<4 {
        _ = try await lab.publish([Draft(table, (0..<5).map { TestEvent("\(group)-\($0)") })])
      }
      for (records, last) in [(1, 5), (5, 5), (6, 10), (11, 15), (100, 20)] {
        let claim = try #require(
          try await lab.claim(first, [table.tenant], limit: ClaimLimit(records: records)).first)
        #expect(claim.to == VisibilityToken(Int64(last)))
        #expect(try claim.events().map(\.token) == (1...Int64(last)).map { $0 })
      }
      let one = try await lab.claim(first, [table.tenant], limit: ClaimLimit(bytes: 1))
      #expect(one.map(\.to.rawValue) == [5])
    }
  }

  @Test(arguments: StoreBackends.all)
  func acknowledgingNeverPassesTheCommittedWatermark(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 3)
      try await lab.bus.acknowledge([(table.tenant, VisibilityToken(3))])
      #expect(try await lab.claim(first, [table.tenant]).first?.to == VisibilityToken(3))
      try await lab.commitAll([table.tenant], owner: first)
      try await lab.publishRows(table, 2, prefix: "more")
      try await lab.bus.acknowledge([(table.tenant, VisibilityToken(.max))])
      #expect(try await lab.claim(first, [table.tenant]).first?.from == VisibilityToken(3))
      #expect(try await lab.claim(first, [table.tenant]).first?.to == VisibilityToken(5))
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func theBacklogNamesHeadWatermarkAgeAndBytes(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      _ = try await lab.makeTable(of: "idle")
      #expect(try await lab.bus.backlog().isEmpty)
      try await lab.publishRows(table, 2)
      try await lab.commitAll([table.tenant], owner: first)
      lab.clock.advanceWall(milliseconds: 10)
      let since = lab.clock.wall
      try await lab.publishRows(table, 1, prefix: "a")
      lab.clock.advanceWall(milliseconds: 10)
      try await lab.publishRows(table, 1, prefix: "b")
      let bytes = try #require(try await lab.claim(first, [table.tenant]).first).segments
        .reduce(0) { $0 + $1.body.byteCount }
      #expect(
        try await lab.bus.backlog() == [
          TenantBacklog(
            tenant: table.tenant, head: VisibilityToken(4), watermark: VisibilityToken(2),
            oldestPublishedAt: since, bytes: bytes,
            lease: LeaseView(owner: first, remainingMs: leaseMs + 1))
        ])
      lab.clock.advanceLease(milliseconds: leaseMs - 1)
      #expect(
        try await lab.bus.backlog().first?.lease == LeaseView(owner: first, remainingMs: 2))
      lab.clock.advanceLease(milliseconds: 1)
      #expect(try await lab.bus.backlog().map(\.lease) == [nil])
    }
  }

  @Test(arguments: StoreBackends.embedded)
  func openingAgainFencesOffWhoeverHeldALease(_ kind: EmbeddedKind) async throws {
    try await withLab(kind) { lab, backend in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 1)
      let claim = try #require(try await lab.claim(first, [table.tenant]).first)
      let after = Lab(
        backend: backend, clock: lab.clock, store: try await backend.openAfterCrash(),
        lake: lab.lake)
      let commit = try lab.materialise([claim], owner: first)
      await #expect(throws: CommitError.fenced([table.tenant])) {
        try await after.catalog.commit(commit)
      }
      let taken = try #require(try await after.claim(second, [table.tenant]).first)
      #expect(taken.epoch > claim.epoch)
    }
  }

  @Test(arguments: StoreBackends.shared)
  func anotherProcessThatOpensLeavesLeasesAlone(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 1)
      let claim = try #require(try await lab.claim(first, [table.tenant]).first)
      let other = try await lab.inAnotherProcess()
      #expect(try await other.claim(second, [table.tenant]).isEmpty)
      _ = try await lab.catalog.commit(try lab.materialise([claim], owner: first))
      #expect(try await other.claim(second, [table.tenant]).isEmpty)
    }
  }

  @Test(arguments: StoreBackends.shared)
  func aClockThatWasSetBackDoesNotKeepADeadOwnersLeaseAlive(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 1)
      let claim = try #require(try await lab.claim(first, [table.tenant]).first)
      lab.clock.advanceLease(milliseconds: -3_600_000)
      #expect(
        try await lab.bus.extendLease(
          owner: first, claims: [(claim.tenant, claim.epoch)], leaseMs: leaseMs
        ).isEmpty)
      let taken = try #require(try await lab.claim(second, [table.tenant]).first)
      #expect(taken.epoch > claim.epoch)
      let commit = try lab.materialise([claim], owner: first)
      await #expect(throws: CommitError.fenced([table.tenant])) {
        try await lab.catalog.commit(commit)
      }
    }
  }
}
