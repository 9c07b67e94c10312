import Catalog
import Coordinator
import Maintenance
import Model
import ObjectStore
import Runtime
import Testing

/// Merges and expiry against what every snapshot showed when it was made.
@Suite struct MergeHistoryTests {
  /// What each snapshot showed, by snapshot.
  private typealias History = [SnapshotID: [String]]

  private static let eager: Limits.Maintenance = {
    var limits = Limits.Maintenance()
    limits.mergeFanIn = 3
    return limits
  }()

  private func remember(
    _ mesh: Mesh, _ table: TableRecord, in history: inout History
  ) async throws {
    let latest = try await mesh.catalog.latestSnapshot(tenant: table.tenant).id
    if history[latest] == nil { history[latest] = try await mesh.rows(of: table) }
  }

  private func expect(
    _ history: History, _ mesh: Mesh, _ table: TableRecord,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    for (snapshot, rows) in history {
      let now = try await mesh.rows(of: table, at: snapshot)
      #expect(now == rows, "at snapshot \(snapshot.rawValue)", sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: [1, 2] as [UInt64]) func everySnapshotReadsTheSameAfterAnyMerges(
    seed: UInt64
  ) async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let maintenance = mesh.maintenance(Self.eager)
      try await running(mesh.coordinator()) { coordinator in
        var random = SeededGenerator(seed: seed)
        var history: History = [:]
        var written = 0
        var merges = 0
        try await remember(mesh, table, in: &history)
        for _ in 0..<40 {
          if random.chance(25) {
            merges += try await maintenance.compactNow().merges
          } else {
            let next = written + 1 + random.below(random.chance(20) ? 300 : 3)
            try await mesh.wait(
              table, try await mesh.publishRows(table, written..<next, telling: coordinator))
            written = next
          }
          try await remember(mesh, table, in: &history)
        }
        merges += try await maintenance.compactNow().merges
        #expect(merges >= 3, "the sequence merged nothing")
        #expect(Set(history.values.map(\.count)).count >= 10)
        try await expect(history, mesh, table)
        #expect(try await mesh.rows(of: table) == (0..<written).map(row).sorted())
      }
      let report = try await mesh.integrity()
      #expect(report.isClean, "\(report)")
    }
  }

  @Test func mergesBesideCommitsLoseNothing() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let maintenance = mesh.maintenance(Self.eager)
      let isDone = Guarded(false)
      try await running(mesh.coordinator { $0.flush.flushIntervalMs = 1 }) { coordinator in
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask {
            while !isDone.withLock({ $0 }) {
              _ = try await maintenance.compactNow()
              // At any moment, whatever is under way.
              let report = try await maintenance.checkIntegrity(tenants: nil)
              #expect(report.isClean, "\(report)")
            }
          }
          for id in 0..<100 {
            let token = try await mesh.publishRows(table, id..<id + 1, telling: coordinator)
            if id % 2 == 0 { try await mesh.wait(table, token) }
          }
          try await mesh.wait(table, VisibilityToken(100))
          isDone.withLock { $0 = true }
          try await group.waitForAll()
        }
      }
      #expect(try await mesh.rows(of: table) == (0..<100).map(row).sorted())
    }
  }

  @Test func aTableThatGathersFilesFastIsLookedAtAgainSooner() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      try await running(mesh.coordinator()) { coordinator in
        for number in 0..<7 {
          try await mesh.wait(
            table, try await mesh.publishRows(table, number..<number + 1, telling: coordinator))
        }
      }
      let maintenance = mesh.maintenance(Self.eager)
      let interval = Self.eager.compactionIntervalMs
      // Seven files where six were meant to gather.
      let gathered = try await maintenance.compactRound()
      #expect(gathered.mostMerged == 7)
      let pause = MaintenanceService.pauseMs(Self.eager, after: gathered, gatheredForMs: interval)
      #expect(pause == interval * 6 / 7)
      #expect(
        MaintenanceService.pauseMs(Self.eager, after: gathered, gatheredForMs: 1) == interval / 4)
      let rest = try await maintenance.compactRound()
      #expect(rest.mostMerged == 0)
      #expect(MaintenanceService.pauseMs(Self.eager, after: rest, gatheredForMs: 1) == interval)
    }
  }

  @Test func aTableThatCannotBeMergedDoesNotKeepTheOthersFromIt() async throws {
    try await withMesh { mesh in
      let (broken, whole) = (
        try await mesh.makeTable(of: "broken"), try await mesh.makeTable(of: "whole")
      )
      for (table, count) in [(broken, 8), (whole, 4)] {
        for id in 0..<count {
          try await running(mesh.coordinator()) { coordinator in
            try await mesh.wait(
              table, try await mesh.publishRows(table, id..<id + 1, telling: coordinator))
          }
        }
      }
      let lost = try #require(try await mesh.objects().first { $0.hasPrefix(broken.folder) })
      try await mesh.store.delete([lost])
      await #expect(throws: EnvironmentFailure.self) {
        try await mesh.maintenance(Self.eager).compactNow()
      }
      #expect(try await mesh.catalog.liveFiles(of: whole.id).count == 1)
      #expect(try await mesh.catalog.liveFiles(of: broken.id).count == 8)
      #expect(try mesh.stagedFiles().isEmpty)
      #expect(try await mesh.integrity().missingFiles == 1)
    }
  }

  @Test func aMergeThatIsRefusedTakesItsFileAway() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      for id in 0..<4 {
        try await running(mesh.coordinator()) { coordinator in
          try await mesh.wait(
            table, try await mesh.publishRows(table, id..<id + 1, telling: coordinator))
        }
      }
      let maintenance = mesh.maintenance(Self.eager)
      mesh.catalog.beforeMerge { (_) async throws(CommitError) in throw .filesChanged }
      #expect(try await maintenance.compactNow().lost == 1)
      mesh.catalog.beforeMerge(nil)
      mesh.store.beforePut { (_) async throws(ObjectStoreError) in throw .storageFull }
      await #expect(throws: EnvironmentFailure.storageFull) {
        try await maintenance.compactNow()
      }
      mesh.store.beforePut(nil)
      #expect(try await mesh.catalog.liveFiles(of: table.id).count == 4)
      try await mesh.expectClean()
    }
  }

  @Test(arguments: [false, true])
  func aMergeWhoseAnswerIsLostIsFoundOutAndTheTableGivenBack(isApplied: Bool) async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      for id in 0..<4 {
        try await running(mesh.coordinator()) { coordinator in
          try await mesh.wait(
            table, try await mesh.publishRows(table, id..<id + 1, telling: coordinator))
        }
      }
      let lost = CommitError.outcomeUnknown(reason: "the line was cut")
      if isApplied {
        mesh.catalog.afterMerge { (_) throws(CommitError) in throw lost }
      } else {
        mesh.catalog.beforeMerge { (_) async throws(CommitError) in throw lost }
      }
      let summary = try await mesh.maintenance(Self.eager).compactNow()
      #expect((summary.merges > 0) == isApplied)
      #expect(summary.lost == (isApplied ? 0 : 1))
      mesh.catalog.afterMerge(nil)
      mesh.catalog.beforeMerge(nil)
      // Another owner has the table at once, and the file of a merge that never was is collected.
      let next = mesh.maintenance(Self.eager)
      #expect((try await next.compactNow().merges > 0) == !isApplied)
      #expect(try await mesh.catalog.liveFiles(of: table.id).count == 1)
      #expect(try await next.retainNow().orphansDeleted == (isApplied ? 0 : 1))
      #expect(try await mesh.rows(of: table) == (0..<4).map(row))
      try await mesh.expectClean()
    }
  }

  @Test(arguments: [11, 12] as [UInt64]) func expiryLeavesWhatTheOtherSnapshotsShow(
    seed: UInt64
  ) async throws {
    let clock = TestClock()
    try await withMesh(clock: clock) { mesh in
      var random = SeededGenerator(seed: seed)
      let table = try await mesh.makeTable()
      let doomed = try await mesh.makeTable("doomed")
      let maintenance = mesh.maintenance(Self.eager)
      var history: History = [:]
      for round in 0..<24 {
        try await running(mesh.coordinator()) { coordinator in
          try await mesh.wait(
            table, try await mesh.publishRows(table, round..<round + 1, telling: coordinator))
          if round < 16 {
            try await mesh.wait(
              doomed, try await mesh.publishRows(doomed, round..<round + 1, telling: coordinator))
          }
        }
        clock.advanceWall(milliseconds: 1_000 + random.below(60_000))
        try await remember(mesh, table, in: &history)
        if random.chance(30) { _ = try await maintenance.compactNow() }
        if round == 18 {
          _ = try await mesh.catalog.dropTable(named: "doomed", tenant: doomed.tenant)
        }
      }
      // Rounds of expiry, each of which takes some, from anywhere.
      for _ in 0..<6 {
        let ids = try await mesh.catalog.snapshotStubs(after: nil, limit: 10_000).map(\.id)
        var chosen: [SnapshotID] = []
        for id in ids where random.chance(35) { chosen.append(id) }
        _ = try await mesh.catalog.expireSnapshots(chosen)
        let left = Set(try await mesh.catalog.snapshotStubs(after: nil, limit: 10_000).map(\.id))
        history = history.filter { left.contains($0.key) }
        try await expect(history, mesh, table)
        let report = try await mesh.integrity()
        #expect(report.isClean, "\(report)")
        #expect(try await mesh.orphans().isEmpty)
      }
    }
  }
}
