import Catalog
import Consistency
import IngestBus
import Model
import Testing

/// Merges, drops and expiry of one process beside the commits of another.
@Suite struct MaintenanceRaceTests {
  @Test(arguments: StoreBackends.shared)
  func mergesBesideCommitsToTheSameTableChangeNothingThatIsVisible(
    _ kind: StoreKind
  ) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let other = try await lab.inAnotherProcess()
      let committers = Countdown(1)
      try await withThrowingTaskGroup(of: Int.self) { group in
        group.addTask {
          for round in 0..<30 {
            try await lab.publishRows(table, 1, prefix: "\(round)")
            let snapshot = try await lab.commitAll([table.tenant]).snapshot
            let expected = (0...round).map { Int64($0 + 1) }
            #expect(try await lab.visibleTokens(table.tenant, at: snapshot) == expected)
          }
          committers.finish()
          return 0
        }
        group.addTask {
          var merges = 0
          while committers.isRunning {
            let inputs = try await other.catalog.liveFiles(of: table.id).map(\.file)
            guard inputs.count >= 3 else {
              await Task.yield()
              continue
            }
            // Nothing but this process takes files away, so what came since does not disturb.
            _ = try await other.merge(table, inputs: inputs, owner: OwnerID("merger"))
            merges += 1
          }
          return merges
        }
        let merges = try await group.reduce(0, +)
        #expect(merges > 0)
      }
      try await lab.expectAllVisible(table)
      for record in try await lab.catalog.snapshots(tenant: table.tenant, before: nil, limit: 99) {
        let expected = (0..<record.watermark.rawValue).map { $0 + 1 }
        #expect(try await lab.visibleTokens(table.tenant, at: record.id) == expected)
      }
      try await lab.expectDenseHistory()
    }
  }

  @Test(arguments: StoreBackends.shared)
  func aMergeBesideTheDropOfItsTableIsDoneBeforeItOrRefused(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let other = try await lab.inAnotherProcess()
      let tenant = try await lab.makeTenant("acme")
      for round in 0..<10 {
        let table = try await lab.makeTable("events", tenant)
        for part in 0..<2 {
          try await lab.publishRows(table, 1, prefix: "\(round)-\(part)")
          try await lab.commitAll([tenant.id])
        }
        let last = try await lab.catalog.latestSnapshot(tenant: tenant.id).id
        let visible = try await lab.visibleTokens(tenant.id, at: last)
        let inputs = try await lab.catalog.liveFiles(of: table.id).map(\.file)
        async let merged = other.mergeUnlessChanged(table, inputs: inputs)
        async let dropped = lab.catalog.dropTable(named: "EVENTS", tenant: tenant.id)
        _ = try await (merged, dropped)
        #expect(try await lab.visibleTokens(tenant.id, at: last) == visible)
      }
      try await lab.expectDenseHistory()
    }
  }

  @Test(arguments: StoreBackends.shared)
  func expiryBesideCommitsLeavesEveryTenantItsState(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tables = [try await lab.makeTable(of: "acme"), try await lab.makeTable(of: "globex")]
      let other = try await lab.inAnotherProcess()
      let committers = Countdown(tables.count)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for table in tables {
          group.addTask {
            for round in 0..<25 {
              try await lab.publishRows(table, 1, prefix: "\(round)")
              try await lab.commitAll([table.tenant], owner: OwnerID("of \(table.id)"))
            }
            committers.finish()
          }
        }
        group.addTask {
          var random = SeededGenerator(seed: 7)
          while committers.isRunning {
            let ids = try await other.catalog.snapshotStubs(after: nil, limit: 1_000).map(\.id)
            _ = try await other.catalog.expireSnapshots(ids.filter { _ in random.chance(50) })
            _ = try await other.catalog.leaseEpochs()
          }
        }
        try await group.waitForAll()
      }
      for table in tables {
        try await lab.expectAllVisible(table)
        for record in try await lab.catalog.snapshots(
          tenant: table.tenant, before: nil, limit: 99)
        {
          let expected = (0..<record.watermark.rawValue).map { $0 + 1 }
          #expect(try await lab.visibleTokens(table.tenant, at: record.id) == expected)
        }
      }
      try await lab.expectDenseHistory(expired: true)
    }
  }

  /// Tables of one name are made and dropped by two processes while both publish to whatever is
  /// there and commit: every acknowledged event is accounted for, and nothing waits in a circle.
  @Test(arguments: StoreBackends.shared, [UInt64(1), 2])
  func stormsOfTableChangesUnderPublishingAccountForEveryEvent(
    _ kind: StoreKind, _ seed: UInt64
  ) async throws {
    try await withLab(kind) { lab in
      let tenants = [try await lab.makeTenant("acme"), try await lab.makeTenant("globex")]
      let processes = [lab, try await lab.inAnotherProcess()]
      try await withThrowingTaskGroup(of: Void.self) { group in
        for (number, process) in processes.enumerated() {
          group.addTask {
            var random = SeededGenerator(seed: seed &* 100 &+ UInt64(number))
            for _ in 0..<40 { try await process.changeTables(of: tenants, &random) }
          }
          group.addTask {
            for round in 0..<30 {
              try await process.publishAnywhere(tenants, prefix: "\(number)-\(round)")
              _ = try await process.ensureSame("tenant-\(round % 5)")
            }
          }
          group.addTask {
            for _ in 0..<30 {
              try await process.commitWhatIsLeft(tenants, owner: OwnerID("process \(number)"))
            }
          }
        }
        try await group.waitForAll()
      }
      try await lab.commitWhatIsLeft(tenants, owner: OwnerID("last"))
      for account in try await lab.catalog.accounts() {
        #expect(account.isBalanced)
        #expect(account.pending == 0)
      }
      let names = try await lab.catalog.tenants().map(\.name)
      #expect(names == names.sorted() && Set(names).count == names.count)
      try await lab.expectDenseHistory()
    }
  }
}

extension Lab {
  fileprivate func mergeUnlessChanged(
    _ table: TableRecord, inputs: [DataFileRecord]
  ) async throws -> CommitReceipt? {
    do {
      return try await merge(table, inputs: inputs, owner: OwnerID("merger"))
    } catch CommitError.filesChanged {
      return nil
    }
  }

  fileprivate func changeTables(
    of tenants: [TenantRecord], _ random: inout SeededGenerator
  ) async throws {
    let tenant = tenants[random.below(tenants.count)]
    let name = ["a", "A", "b"][random.below(3)]
    do {
      if random.chance(50) {
        _ = try await makeTable(name, tenant)
      } else {
        _ = try await catalog.dropTable(named: name, tenant: tenant.id)
      }
    } catch CatalogError.tableExists, CatalogError.tableNotFound {
      // The other process was first.
    }
  }

  fileprivate func publishAnywhere(_ tenants: [TenantRecord], prefix: String) async throws {
    var drafts: [Draft] = []
    for tenant in tenants {
      for table in try await catalog.tables(tenant: tenant.id, after: nil, limit: 10) {
        drafts.append(Draft(table, [TestEvent(prefix + "-1"), TestEvent(prefix + "-2")]))
      }
    }
    guard !drafts.isEmpty else { return }
    // A table that was dropped since is refused by itself.
    _ = try await publish(drafts)
  }

  fileprivate func ensureSame(_ name: String) async throws -> TenantRecord {
    try await catalog.ensureTenant(named: name, limit: 100)
  }

  /// Commits what is pending: rows where the table is there, dead letters where it is gone.
  fileprivate func commitWhatIsLeft(_ tenants: [TenantRecord], owner: OwnerID) async throws {
    for _ in 0..<100 {
      let claims = try await claim(owner, tenants.map(\.id))
      guard !claims.isEmpty else { return }
      do {
        _ = try await catalog.commit(try await materialiseLiving(claims, owner: owner))
      } catch CommitError.fenced, CommitError.tablesChanged {
        // Made anew under what is there now.
      }
      try await bus.release(
        owner: owner, claims: claims.map { ($0.tenant, $0.epoch) }, reason: .shutdown)
    }
  }

  private func materialiseLiving(
    _ claims: [TenantClaim], owner: OwnerID
  ) async throws -> EventCommit {
    let whole = try materialise(claims, owner: owner)
    let dropped = Set(
      try await catalog.tables(ids: whole.ledger.map(\.table)).filter(\.isDropped).map(\.id))
    var letters: [NewDeadLetter] = []
    for claim in claims {
      for event in try claim.events() where dropped.contains(event.table) {
        letters.append(letter(event, tenant: claim.tenant))
      }
    }
    return whole.replacing(
      tables: whole.tables.filter { !dropped.contains($0.table) },
      files: whole.files.filter { !dropped.contains($0.table) },
      ledger: whole.ledger.map { row in
        guard dropped.contains(row.table) else { return row }
        return NewLedgerRow(
          tenant: row.tenant, table: row.table,
          counts: LedgerCounts(deadLettered: row.counts.total))
      }, deadLetters: letters)
  }
}
