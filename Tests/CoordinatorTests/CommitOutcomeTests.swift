import Catalog
import Consistency
import Coordinator
import IngestBus
import Model
import ObjectStore
import Runtime
import TestSupport
import Testing

/// What a flight makes of each answer that a commit can get, and of none.
@Suite struct CommitOutcomeTests {
  @Test(arguments: [true, false]) func anUnknownOutcomeIsFoundOut(wasApplied: Bool) async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let cut = FailingTimes(1)
      mesh.catalog.aroundCommit { (commit, perform) async throws(CommitError) in
        guard cut.isFailing else { return try await perform(commit) }
        if wasApplied { _ = try await perform(commit) }
        throw .outcomeUnknown(reason: "the answer was lost")
      }
      try await running(mesh.coordinator()) { coordinator in
        let token = try await mesh.publishRows(table, 0..<50, telling: coordinator)
        try await mesh.wait(table, token)
      }
      #expect(try await mesh.rows(of: table) == (0..<50).map(row).sorted())
      #expect(try await mesh.account(of: table).counts.inserted == 50)
      // Whose outcome was unknown is left to the collector, whatever the answer was.
      let orphans = try await mesh.orphans()
      #expect(orphans.count == (wasApplied ? 0 : 1))
      try await mesh.store.delete(orphans)
      try await mesh.expectClean()
    }
  }

  @Test func aCommitWhoseOutcomeStaysUnknownKeepsItsFile() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let cut = FailingTimes(1)
      mesh.catalog.aroundCommit { (commit, perform) async throws(CommitError) in
        guard cut.isFailing else { return try await perform(commit) }
        _ = try await perform(commit)
        // And the answer to the question, too.
        await mesh.tamperOrRecord("ALTER TABLE duckmesh_commit RENAME TO away")
        throw .outcomeUnknown(reason: "the answer was lost")
      }
      try await running(mesh.coordinator()) { coordinator in
        let token = try await mesh.publishRows(table, 0..<50, telling: coordinator)
        try await eventually { coordinator.trouble != nil }
        #expect(try await mesh.rows(of: table) == (0..<50).map(row).sorted())
        try await mesh.tamper("ALTER TABLE away RENAME TO duckmesh_commit")
        let next = try await mesh.publishRows(table, 50..<60, telling: coordinator)
        #expect(next > token)
        try await mesh.wait(table, next)
      }
      #expect(try await mesh.rows(of: table) == (0..<60).map(row).sorted())
      try await mesh.expectClean()
    }
  }

  @Test func fencedTenantsAreLeftOutAndTheRestIsCommittedAsItIs() async throws {
    try await withMesh { mesh in
      let tables = [
        try await mesh.makeTable(of: "ant"), try await mesh.makeTable(of: "bee"),
        try await mesh.makeTable(of: "cow"),
      ]
      for table in tables { try await mesh.publish(table, (0..<10).map(row)) }
      let fence = FailingTimes(1)
      let puts = Gate()
      puts.open()
      mesh.store.beforePut { (_) async throws(ObjectStoreError) in await puts.pass() }
      mesh.catalog.aroundCommit { (commit, perform) async throws(CommitError) in
        if fence.isFailing {
          #expect(commit.fences.count == 3)
          // Somebody else has taken the bee meanwhile.
          await mesh.tamperOrRecord(
            """
            UPDATE duckmesh_consumer SET epoch = epoch + 1, owner = 'somebody',
              leased_until = leased_until + 3600000000
            WHERE tenant_id = \(tables[1].tenant.rawValue)
            """)
        }
        return try await perform(commit)
      }
      // All are due when the backlog tells of them, whatever their age.
      let coordinator = mesh.coordinator {
        $0.flush.flushIntervalMs = 0
        $0.flush.filesPerSecond = 1_000_000
      }
      try await running(coordinator) { _ in
        for table in [tables[0], tables[2]] {
          try await eventually {
            mesh.hub.watermark(of: table.tenant)?.token == VisibilityToken(10)
          }
        }
        // One put made all the files; the second commit used them again.
        #expect(puts.arrivals == 1)
        #expect(try await mesh.account(of: tables[1]).pending == 10)
        // The other's lease runs out, and the bee is claimed anew.
        try await mesh.tamper(
          "UPDATE duckmesh_consumer SET leased_until = 0 WHERE owner = 'somebody'")
        try await mesh.wait(tables[1], VisibilityToken(10))
      }
      for table in tables {
        #expect(try await mesh.rows(of: table) == (0..<10).map(row).sorted())
      }
      try await mesh.expectClean()
    }
  }

  @Test func acknowledgedEventsLeaveTheBusAndOnlyThose() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let gate = Gate()
      let isHeld = Guarded(false)
      mesh.store.beforePut { (_) async throws(ObjectStoreError) in
        if isHeld.withLock({ $0 }) { await gate.pass() }
      }
      try await running(mesh.coordinator()) { coordinator in
        let token = try await mesh.publishRows(table, 0..<10, telling: coordinator)
        try await mesh.wait(table, token)
        try await eventually("the segments are gone") {
          try await mesh.number("SELECT count(*) FROM duckmesh_segment") == 0
        }
        isHeld.withLock { $0 = true }
        let next = try await mesh.publishRows(table, 10..<20, telling: coordinator)
        try await eventually { gate.arrivals == 1 }
        #expect(try await mesh.number("SELECT count(*) FROM duckmesh_segment") == 1)
        gate.open()
        try await mesh.wait(table, next)
      }
      // The end acknowledges what was committed last.
      #expect(try await mesh.number("SELECT count(*) FROM duckmesh_segment") == 0)
      try await mesh.expectClean()
    }
  }
}
