import Catalog
import IngestBus
import Model
import Testing

/// Replays as they stand in the catalog.
@Suite struct EventReplayTests {
  private let one = OwnerID("one")
  private let two = OwnerID("two")

  @Test(arguments: StoreBackends.all)
  func aTenantHasOneReplayAtATime(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let target = try await lab.makeTable("copy", try await lab.makeTenant("acme"))
      let other = try await lab.makeTable(of: "other")
      let order = lab.order(table, 3...9, into: target)
      let begun = try await lab.replays.beginReplay(order, tenant: table.tenant)
      #expect(begun.isNew)
      #expect(begun.replay.order == order && begun.replay.next == VisibilityToken(3))
      #expect(begun.replay.status == .running && begun.replay.createdAt == lab.clock.wall)
      #expect(begun.replay.sourceName == "events" && begun.replay.targetName == "copy")
      let again = try await lab.replays.beginReplay(lab.order(table, 1...1), tenant: table.tenant)
      #expect(!again.isNew && again.replay == begun.replay)
      #expect(
        try await lab.replays.beginReplay(lab.order(other, 1...1), tenant: other.tenant).isNew)
      // Another tenant's is as unknown as one that never was.
      #expect(try await lab.replays.cancelReplay(begun.replay.id, tenant: other.tenant) == nil)
      #expect(try await lab.replays.cancelReplay(99, tenant: other.tenant) == nil)
      let cancelled = try await lab.replays.cancelReplay(begun.replay.id, tenant: table.tenant)
      #expect(cancelled?.status == .cancelled)
      #expect(try await lab.replays.beginReplay(order, tenant: table.tenant).isNew)
      let listed = try await lab.replays.eventReplays(tenant: table.tenant, before: nil, limit: 9)
      #expect(listed.map(\.status) == [.running, .cancelled])
      let older = try await lab.replays.eventReplays(
        tenant: table.tenant, before: listed[0].id, limit: 9)
      #expect(older == Array(listed.dropFirst()))
    }
  }

  @Test(arguments: StoreBackends.all)
  func onlyItsHolderCarriesAReplayOn(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let replays = try lab.replays
      #expect(try await replays.claimEventReplay(owner: one, leaseMs: leaseMs) == nil)
      let id = try await replays.beginReplay(lab.order(table, 1...9), tenant: table.tenant)
        .replay.id
      #expect(try await replays.claimEventReplay(owner: one, leaseMs: leaseMs)?.id == id)
      #expect(try await replays.claimEventReplay(owner: one, leaseMs: leaseMs)?.id == id)
      #expect(try await replays.claimEventReplay(owner: two, leaseMs: leaseMs) == nil)
      func step(_ from: Int64, _ to: Int64, _ owner: OwnerID) async throws -> Bool {
        try await replays.advance(
          EventReplayStep(
            replay: id, from: VisibilityToken(from), to: VisibilityToken(to), events: 2,
            rejected: 1, newest: VisibilityToken(20 + to)), owner: owner, leaseMs: leaseMs)
      }
      #expect(try await step(1, 4, one))
      #expect(try await !step(1, 4, one))
      #expect(try await !step(4, 6, two))
      lab.clock.advanceLease(milliseconds: leaseMs + 1)
      let taken = try await replays.claimEventReplay(owner: two, leaseMs: leaseMs)
      #expect(taken?.next == VisibilityToken(4) && taken?.eventCount == 2)
      #expect(try await !step(4, 6, one))
      #expect(try await step(4, 10, two))
      try await replays.finishReplay(id, owner: one, errorCode: "NOT_MINE")
      try await replays.finishReplay(id, owner: two, errorCode: nil)
      #expect(try await replays.claimEventReplay(owner: two, leaseMs: leaseMs) == nil)
      let ended = try await replays.cancelReplay(id, tenant: table.tenant)
      #expect(ended?.status == .completed && ended?.errorCode == nil)
      #expect(ended?.eventCount == 4 && ended?.rejectedCount == 2)
      #expect(ended?.newest == VisibilityToken(30))
    }
  }

  @Test(arguments: StoreBackends.all)
  func tenantsTakeTurnsAndAFailureEndsAReplay(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tables = [try await lab.makeTable(of: "a"), try await lab.makeTable(of: "b")]
      let replays = try lab.replays
      var ids: [Int64] = []
      for table in tables {
        ids.append(
          try await replays.beginReplay(lab.order(table, 1...9), tenant: table.tenant).replay.id)
      }
      var order: [Int64] = []
      for turn in Int64(0)..<4 {
        lab.clock.advanceWall(milliseconds: 1)
        let replay = try #require(try await replays.claimEventReplay(owner: one, leaseMs: leaseMs))
        order.append(replay.id)
        #expect(
          try await replays.advance(
            EventReplayStep(
              replay: replay.id, from: replay.next, to: VisibilityToken(turn / 2 + 2)),
            owner: one, leaseMs: leaseMs))
      }
      #expect(order == [ids[0], ids[1], ids[0], ids[1]])
      try await replays.finishReplay(ids[0], owner: one, errorCode: "TARGET_DROPPED")
      let failed = try await replays.cancelReplay(ids[0], tenant: tables[0].tenant)
      #expect(failed?.status == .failed && failed?.errorCode == "TARGET_DROPPED")
    }
  }

  @Test(arguments: StoreBackends.all)
  func theSourceIsTheLiveTableOrTheOneDroppedLast(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.makeTenant("acme")
      let replays = try lab.replays
      func source(_ name: String, isDropped: Bool) async throws -> TableID? {
        try await replays.replaySource(named: name, tenant: tenant.id, isDropped: isDropped)?.id
      }
      var made: [TableRecord] = []
      for _ in 0..<2 {
        made.append(try await lab.makeTable("Events", tenant))
        _ = try await lab.catalog.dropTable(named: "events", tenant: tenant.id)
      }
      #expect(try await source("events", isDropped: false) == nil)
      #expect(try await source("EVENTS", isDropped: true) == made[1].id)
      let live = try await lab.makeTable("events", tenant)
      #expect(try await source("Events", isDropped: false) == live.id)
      #expect(try await source("events", isDropped: true) == made[1].id)
      #expect(try await source("nothing", isDropped: true) == nil)
    }
  }

  @Test(arguments: StoreBackends.all)
  func replaysThatEndedAreForgottenAtLast(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      for _ in 0..<EventReplayLimits.kept + 3 {
        let begun = try await lab.replays.beginReplay(lab.order(table, 1...1), tenant: table.tenant)
        _ = try await lab.replays.cancelReplay(begun.replay.id, tenant: table.tenant)
      }
      let listed = try await lab.replays.eventReplays(
        tenant: table.tenant, before: nil, limit: 1_000)
      #expect(listed.count == EventReplayLimits.kept)
    }
  }
}
