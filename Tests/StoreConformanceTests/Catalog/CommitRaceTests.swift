import Catalog
import Consistency
import IngestBus
import Model
import Runtime
import Testing

/// Several processes over one catalog. A deadlock would be an error that the calls throw, and any
/// error that is not expected fails the test.
@Suite struct CommitRaceTests {
  @Test(arguments: StoreBackends.shared)
  func commitsOfDifferentTenantsAllLandOneAfterTheOther(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tables = [
        try await lab.makeTable(of: "acme"), try await lab.makeTable(of: "globex"),
        try await lab.makeTable(of: "initech"),
      ]
      let both = Array(tables[0...1])
      let processes = [lab, try await lab.inAnotherProcess(), try await lab.inAnotherProcess()]
      try await withThrowingTaskGroup(of: Void.self) { group in
        for (process, table) in zip(processes, tables) {
          group.addTask {
            for round in 0..<15 {
              try await process.publishRows(table, 1, prefix: "\(round)")
              try await process.commitAll([table.tenant], owner: OwnerID("own \(table.id)"))
            }
          }
        }
        try await group.waitForAll()
      }
      // And one commit of two tenants against one of each: rows are locked in one order.
      try await withThrowingTaskGroup(of: Void.self) { group in
        for (number, process) in processes.enumerated() {
          group.addTask {
            for round in 0..<15 {
              let order = round % 2 == 0 ? both : Array(both.reversed())
              for table in order {
                try await process.publishRows(table, 1, prefix: "\(number)-\(round)")
              }
              _ = try await process.commitIfFree(order.map(\.tenant), owner: OwnerID("\(number)"))
            }
          }
        }
        try await group.waitForAll()
      }
      lab.clock.advanceLease(milliseconds: leaseMs)
      try await lab.commitRest(both)
      for table in tables { try await lab.expectAllVisible(table) }
      try await lab.expectDenseHistory()
    }
  }

  @Test(arguments: StoreBackends.shared)
  func committersOfOneTenantTakeTurnsAndNothingIsVisibleTwice(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let processes = [lab, try await lab.inAnotherProcess(), try await lab.inAnotherProcess()]
      try await withThrowingTaskGroup(of: Void.self) { group in
        for (number, process) in processes.enumerated() {
          group.addTask {
            for round in 0..<20 {
              try await process.publishRows(table, 1, prefix: "\(number)-\(round)")
              _ = try await process.commitIfFree([table.tenant], owner: OwnerID("\(number)"))
            }
          }
        }
        try await group.waitForAll()
      }
      try await lab.commitRest([table])
      try await lab.expectAllVisible(table)
      try await lab.expectDenseHistory()
    }
  }

  @Test(arguments: StoreBackends.shared)
  func aZombieAndItsSuccessorNeverBothCommit(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let other = try await lab.inAnotherProcess()
      for round in 0..<12 {
        try await lab.publishRows(table, 2, prefix: "\(round)")
        let zombie = OwnerID("zombie \(round)")
        let claims = try await lab.claim(zombie, [table.tenant])
        let late = try lab.materialise(claims, owner: zombie)
        lab.clock.advanceLease(milliseconds: leaseMs)
        async let stale = lab.outcome(late)
        async let fresh = other.commitOnceFree([table.tenant], owner: OwnerID("heir \(round)"))
        let outcomes = try await (stale, fresh)
        #expect(outcomes.0 == nil, "a commit under a lease that has run out")
        #expect(outcomes.1 != nil)
        // Neither does it later, nor after somebody asked what became of it.
        #expect(try await lab.outcome(late) == nil)
        #expect(
          try await other.catalog.resolve(late.id, owner: zombie, fences: late.fences) == nil)
      }
      try await lab.expectAllVisible(table)
      try await lab.expectDenseHistory()
    }
  }

  @Test(arguments: StoreBackends.shared)
  func aCommitThatIsResolvedWhileItRunsIsEitherThereOrNeverWillBe(
    _ kind: StoreKind
  ) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let other = try await lab.inAnotherProcess()
      var landed = 0
      for round in 0..<30 {
        try await lab.publishRows(table, 1, prefix: "\(round)")
        let owner = OwnerID("owner \(round)")
        let commit = try lab.materialise(
          try await lab.claim(owner, [table.tenant]), owner: owner)
        async let sent = lab.outcome(commit)
        async let answer = other.catalog.resolve(commit.id, owner: owner, fences: commit.fences)
        let (receipt, resolved) = try await (sent, answer)
        #expect(receipt == resolved)
        landed += receipt == nil ? 0 : 1
        if receipt == nil {
          _ = try await lab.commitIfFree([table.tenant], owner: OwnerID("next \(round)"))
        }
      }
      try await lab.expectAllVisible(table)
      try await lab.expectDenseHistory()
    }
  }
}

extension Lab {
  /// Commits what is pending and gives the leases back.
  ///
  /// - Returns: nil when nothing is pending, or another owner has it.
  func commitIfFree(_ tenants: [TenantID], owner: OwnerID) async throws -> CommitReceipt? {
    let claims = try await claim(owner, tenants)
    guard !claims.isEmpty else { return nil }
    let receipt = try await outcome(try materialise(claims, owner: owner))
    try await bus.release(
      owner: owner, claims: claims.map { ($0.tenant, $0.epoch) }, reason: .shutdown)
    return receipt
  }

  /// As `commitIfFree`, again and again while a row is locked by somebody who is just refused.
  func commitOnceFree(_ tenants: [TenantID], owner: OwnerID) async throws -> CommitReceipt? {
    for _ in 0..<1_000 {
      if let receipt = try await commitIfFree(tenants, owner: owner) { return receipt }
      await Task.yield()
    }
    return nil
  }

  /// The receipt, or nil when the commit was fenced off.
  func outcome(_ commit: EventCommit) async throws -> CommitReceipt? {
    do {
      return try await catalog.commit(commit)
    } catch CommitError.fenced {
      return nil
    }
  }

  func commitRest(_ tables: [TableRecord]) async throws {
    for table in tables {
      let progress = try await catalog.progress(tenant: table.tenant)
      guard progress.watermark < progress.head else { continue }
      let receipt = try await commitOnceFree([table.tenant], owner: OwnerID("last"))
      #expect(receipt != nil)
    }
  }

  /// Every token of the tenant of one table is in exactly one row.
  func expectAllVisible(
    _ table: TableRecord, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let progress = try await catalog.progress(tenant: table.tenant)
    #expect(progress.watermark == progress.head, sourceLocation: sourceLocation)
    let visible = try await visibleTokens(table.tenant, at: progress.latest.id)
    let issued = progress.head.rawValue == 0 ? [] : Array(1...progress.head.rawValue)
    #expect(visible == issued, sourceLocation: sourceLocation)
  }

  /// Ids without a gap, times that rise, and nothing that contradicts itself.
  ///
  /// - Parameter expired: whether snapshots were taken out, which leaves gaps.
  func expectDenseHistory(
    expired: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let stubs = try await catalog.snapshotStubs(after: nil, limit: 10_000)
    for (earlier, later) in zip(stubs, stubs.dropFirst()) {
      #expect(later.time > earlier.time, sourceLocation: sourceLocation)
      if !expired {
        #expect(later.id.rawValue == earlier.id.rawValue + 1, sourceLocation: sourceLocation)
      }
    }
    #expect(try await catalog.violations().isEmpty, sourceLocation: sourceLocation)
  }
}
