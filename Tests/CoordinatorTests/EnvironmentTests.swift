import Catalog
import Consistency
import Coordinator
import IngestBus
import Model
import ObjectStore
import Runtime
import TestSupport
import Testing

/// Failures that are not the data's: events wait and are committed when it is over.
@Suite struct EnvironmentTests {
  /// Waits until the coordinator has said what is wrong, heals it, and expects every row to come.
  private func expectRecovery(
    _ mesh: Mesh, _ table: TableRecord, _ coordinator: Coordinator, rows: Int,
    heal: @Sendable () async throws -> Void
  ) async throws {
    try await eventually("the trouble is told") { coordinator.trouble != nil }
    #expect(try await mesh.deadLetters(of: table).isEmpty)
    #expect(try await mesh.account(of: table).counts.total == 0)
    try await heal()
    try await mesh.wait(table, VisibilityToken(Int64(rows)))
    try await eventually("no trouble is left") { coordinator.trouble == nil }
    #expect(try await mesh.rows(of: table) == (0..<rows).map(row).sorted())
    #expect(try await mesh.deadLetters(of: table).isEmpty)
    try await mesh.expectClean()
  }

  @Test(arguments: [
    ObjectStoreError.storageFull, .unavailable(reason: "the disk is away"),
  ]) func anObjectStoreThatFailsDelaysAndLosesNothing(error: ObjectStoreError) async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let failing = FailingTimes(7)
      mesh.store.beforePut { (_) async throws(ObjectStoreError) in
        if failing.isFailing { throw error }
      }
      try await running(mesh.coordinator()) { coordinator in
        _ = try await mesh.publishRows(table, 0..<100, telling: coordinator)
        try await expectRecovery(mesh, table, coordinator, rows: 100) {
          try await eventually { failing.isOver }
        }
      }
      #expect(mesh.metrics.coordinator.environmentFailures.with("object_store").value >= 7)
    }
  }

  @Test func aStagingFolderThatTakesNoFilesDelaysAndLosesNothing() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      mesh.store.stage(in: "/proc/self")
      try await running(mesh.coordinator()) { coordinator in
        _ = try await mesh.publishRows(table, 0..<10, telling: coordinator)
        try await expectRecovery(mesh, table, coordinator, rows: 10) {
          mesh.store.stage(in: nil)
        }
      }
    }
  }

  @Test(arguments: [CommitError.storageFull, .unavailable(reason: "the database is away")])
  func aCatalogThatFailsLeavesNoFilesBehind(error: CommitError) async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let failing = FailingTimes(20)
      mesh.catalog.aroundCommit { (commit, perform) async throws(CommitError) in
        if failing.isFailing { throw error }
        return try await perform(commit)
      }
      try await running(mesh.coordinator()) { coordinator in
        _ = try await mesh.publishRows(table, 0..<10, telling: coordinator)
        try await expectRecovery(mesh, table, coordinator, rows: 10) {
          try await eventually { failing.isOver }
        }
      }
      // Twenty attempts wrote twenty files; a full disk must not be filled by trying.
      #expect(try await mesh.objects().count == 1)
    }
  }

  @Test func aFullDatabaseRefusesAndRecovers() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      // As the disk under it being full looks to SQLite, for the commit alone.
      try await mesh.tamper(
        """
        CREATE TRIGGER full BEFORE INSERT ON duckmesh_commit
        BEGIN SELECT RAISE(ABORT, 'no room'); END
        """)
      try await running(mesh.coordinator()) { coordinator in
        _ = try await mesh.publishRows(table, 0..<10, telling: coordinator)
        try await expectRecovery(mesh, table, coordinator, rows: 10) {
          try await mesh.tamper("DROP TRIGGER full")
        }
      }
    }
  }

  @Test func aDamagedSegmentHoldsUpItsOwnTenantOnly() async throws {
    try await withMesh { mesh in
      let hurt = try await mesh.makeTable(of: "hurt")
      let others = [
        try await mesh.makeTable(of: "first"), try await mesh.makeTable(of: "second"),
      ]
      try await mesh.publish(hurt, (0..<10).map(row))
      for table in others { try await mesh.publish(table, (0..<10).map(row)) }
      let segment = "duckmesh_segment SET body = zeroblob(length(body))"
      try await mesh.tamper("CREATE TABLE spare AS SELECT * FROM duckmesh_segment")
      try await mesh.tamper("UPDATE \(segment) WHERE tenant_id = \(hurt.tenant.rawValue)")
      // All three are due at once, so the first flight has them together.
      try await running(mesh.coordinator()) { coordinator in
        for table in others {
          try await eventually {
            mesh.hub.watermark(of: table.tenant)?.token == VisibilityToken(10)
          }
        }
        try await eventually { coordinator.trouble?.component == "catalog" }
        // What the others do meanwhile does not make the trouble look settled.
        for table in others {
          try await mesh.wait(
            table, try await mesh.publishRows(table, 10..<20, telling: coordinator))
        }
        #expect(coordinator.trouble != nil)
        #expect(try await mesh.deadLetters(of: hurt).isEmpty)
        #expect(try await mesh.account(of: hurt).pending == 10)
        try await mesh.tamper(
          """
          UPDATE duckmesh_segment SET body = (SELECT body FROM spare s
            WHERE s.tenant_id = duckmesh_segment.tenant_id)
          WHERE tenant_id = \(hurt.tenant.rawValue)
          """)
        try await mesh.wait(hurt, VisibilityToken(10))
        try await eventually { coordinator.trouble == nil }
      }
      try await mesh.tamper("DROP TABLE spare")
      #expect(try await mesh.rows(of: hurt) == (0..<10).map(row).sorted())
      try await mesh.expectClean()
    }
  }

  @Test func aStopWithAFailingStoreEndsAndLeavesTheEventsInTheBus() async throws {
    try await withMesh { mesh in
      let (stuck, fine) = (
        try await mesh.makeTable(of: "stuck"), try await mesh.makeTable(of: "fine")
      )
      mesh.store.beforePut { (objects) async throws(ObjectStoreError) in
        if objects.contains(where: { $0.key.hasPrefix(stuck.folder) }) { throw .storageFull }
      }
      try await running(mesh.coordinator { $0.flush.flushIntervalMs = 10 }) { coordinator in
        _ = try await mesh.publishRows(stuck, 0..<5, telling: coordinator)
        try await eventually { coordinator.trouble == .storageFull }
        _ = try await mesh.publishRows(fine, 0..<5, telling: coordinator)
      }
      #expect(try await mesh.account(of: stuck).pending == 5)
      // Another tenant's trouble keeps nobody's events from being committed at the end.
      #expect(try await mesh.account(of: fine).pending == 0)
      mesh.store.beforePut(nil)
      try await running(mesh.coordinator()) { _ in
        try await mesh.wait(stuck, VisibilityToken(5))
      }
      try await mesh.expectClean()
    }
  }
}
