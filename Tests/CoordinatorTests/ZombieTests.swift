import Catalog
import Consistency
import Coordinator
import IngestBus
import Maintenance
import Model
import ObjectStore
import Runtime
import Testing

/// A writer that was stopped for longer than its lease lasts and goes on as if nothing had
/// happened.
@Suite struct ZombieTests {
  /// Where it was stopped.
  enum Step: CaseIterable {
    case afterClaim, afterStaging, afterPut
  }

  /// What happened meanwhile.
  enum Meanwhile: CaseIterable {
    /// The lease has run out, and nobody has looked.
    case onlyTime
    /// The collector has been there.
    case collected
    /// Another writer has claimed and committed the same events.
    case replaced
  }

  @Test(arguments: Step.allCases, Meanwhile.allCases)
  func aWriterStoppedPastItsLeaseCannotCommit(step: Step, meanwhile: Meanwhile) async throws {
    let clock = TestClock()
    try await withMesh(clock: clock) { mesh in
      let table = try await mesh.makeTable()
      try await mesh.publish(table, (0..<5).map(row))
      let zombie = OwnerID.random()
      let claim = try #require(
        try await mesh.bus.claimBatch(
          owner: zombie, tenants: [table.tenant], limit: ClaimLimit(), leaseMs: 3_000
        ).first)

      var file: ParquetFile?
      if step != .afterClaim { file = try await mesh.stageFile(of: table, rows: 5) }
      if step == .afterPut, let file { try await mesh.put(file, of: table, claim) }

      clock.advanceLease(milliseconds: 3_000)
      switch meanwhile {
      case .onlyTime: break
      case .collected:
        let collected = try await mesh.maintenance().retainNow().orphansDeleted
        #expect(collected == (step == .afterPut ? 1 : 0))
      case .replaced:
        try await running(mesh.coordinator()) { _ in
          try await mesh.wait(table, VisibilityToken(5))
        }
      }
      #expect(
        try await mesh.bus.extendLease(
          owner: zombie, claims: [(tenant: table.tenant, epoch: claim.epoch)], leaseMs: 3_000
        ).isEmpty, "an expired lease is never revived")

      // It wakes up and finishes what it was about.
      if file == nil { file = try await mesh.stageFile(of: table, rows: 5) }
      let made = try #require(file)
      if step != .afterPut { try await mesh.put(made, of: table, claim) }
      let commit = mesh.commit(made, of: table, claim, owner: zombie)
      await #expect(throws: CommitError.fenced([table.tenant])) {
        try await mesh.catalog.commit(commit)
      }

      // Whoever is alive has every event, once, and the zombie's file is nobody's.
      try await running(mesh.coordinator()) { _ in
        try await mesh.wait(table, VisibilityToken(5))
      }
      #expect(try await mesh.rows(of: table) == (0..<5).map(row))
      #expect(try await mesh.account(of: table).counts.inserted == 5)
      clock.advanceLease(milliseconds: 10_000)
      _ = try await mesh.maintenance().retainNow()
      try await mesh.expectClean()
    }
  }

  @Test func aMergeStoppedPastItsLeaseCannotCommit() async throws {
    let clock = TestClock()
    try await withMesh(clock: clock) { mesh in
      let table = try await mesh.makeTable()
      for id in 0..<4 {
        try await running(mesh.coordinator()) { coordinator in
          try await mesh.wait(
            table, try await mesh.publishRows(table, id..<id + 1, telling: coordinator))
        }
      }
      // The merge sleeps between its file and its commit, until the file has been collected.
      mesh.catalog.beforeMerge { (_) async throws(CommitError) in
        clock.advanceLease(milliseconds: 86_400_000)
        mesh.catalog.beforeMerge(nil)
        let collected = try? await mesh.maintenance().retainNow().orphansDeleted
        #expect(collected == 1)
      }
      var limits = Limits.Maintenance()
      limits.mergeFanIn = 2
      let maintenance = mesh.maintenance(limits)
      let summary = try await maintenance.compactNow()
      #expect(summary.merges == 0 && summary.lost == 1)
      #expect(try await mesh.rows(of: table) == (0..<4).map(row))
      #expect(try await maintenance.compactNow().merges == 1)
      #expect(try await mesh.rows(of: table) == (0..<4).map(row))
      try await mesh.expectClean()
    }
  }
}

extension Mesh {
  fileprivate func name(_ file: ParquetFile, _ claim: TenantClaim) -> String {
    let staged = file.path.split(separator: "/").last.map(String.init) ?? ""
    return DataFileName(epoch: claim.epoch, kind: .events, stagedName: staged).text
  }

  fileprivate func put(
    _ file: ParquetFile, of table: TableRecord, _ claim: TenantClaim
  ) async throws {
    try await store.put([
      StagedObject(localPath: file.path, key: table.folder + name(file, claim))
    ])
  }

  fileprivate func commit(
    _ file: ParquetFile, of table: TableRecord, _ claim: TenantClaim, owner: OwnerID
  ) -> EventCommit {
    EventCommit(
      id: .random(), owner: owner,
      fences: [
        TenantFence(tenant: claim.tenant, epoch: claim.epoch, from: claim.from, to: claim.to)
      ],
      tables: [CommittedTable(table: table.id, schemaVersion: table.schemaVersion)],
      files: [
        NewDataFile(
          table: table.id, name: name(file, claim), recordCount: file.recordCount,
          byteCount: file.byteCount, footerByteCount: file.footerByteCount, statistics: [])
      ],
      ledger: [
        NewLedgerRow(
          tenant: claim.tenant, table: table.id, counts: LedgerCounts(inserted: file.recordCount))
      ], deadLetters: [])
  }
}
