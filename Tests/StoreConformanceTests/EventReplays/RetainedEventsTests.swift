import Catalog
import Consistency
import IngestBus
import Model
import Testing

/// What the bus keeps of events that snapshots hold, and for how long.
@Suite struct RetainedEventsTests {
  private static let hour = SegmentRetention(seconds: 3_600, events: 1_000)

  @Test(arguments: StoreBackends.all)
  func acknowledgedSegmentsGoAtOnceUnlessTheyAreToStay(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 3)
      try await lab.commitAndAcknowledge(table.tenant)
      #expect(try await lab.retainedRanges(table.tenant).isEmpty)
      let keeper = try await lab.inAnotherProcess(retention: Self.hour)
      try await keeper.publishRows(table, 2, prefix: "more")
      try await keeper.commitAndAcknowledge(table.tenant)
      #expect(try await keeper.retainedRanges(table.tenant) == [4...4, 5...5])
      let span = try await keeper.retained.retainedSpan(of: table.tenant)
      #expect(span.first == VisibilityToken(4) && span.head == VisibilityToken(5))
      #expect(span.firstPublishedAt == lab.clock.wall)
      // Nothing is claimed twice, and nothing waits.
      #expect(try await keeper.claim(OwnerID("other"), [table.tenant]).isEmpty)
      #expect(try await keeper.bus.backlog().isEmpty)
      #expect(try await keeper.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func whatIsOldGoesAndWhatIsPendingStays(_ kind: StoreKind) async throws {
    try await withLab(kind) { first in
      let lab = try await first.inAnotherProcess(retention: Self.hour)
      let table = try await lab.makeTable(of: "acme")
      let other = try await lab.makeTable(of: "other")
      try await lab.publishRows(table, 3)
      try await lab.commitAndAcknowledge(table.tenant)
      // Never committed: no age makes it go.
      try await lab.publishRows(other, 2)
      lab.clock.advanceWall(milliseconds: 1_800_000)
      try await lab.publishRows(table, 2, prefix: "later")
      try await lab.commitAndAcknowledge(table.tenant)
      #expect(try await lab.retained.trimSegments(limit: 100) == 0)
      lab.clock.advanceWall(milliseconds: 1_801_000)
      #expect(try await lab.retained.trimSegments(limit: 2) == 2)
      #expect(try await lab.retained.trimSegments(limit: 100) == 1)
      #expect(try await lab.retainedRanges(table.tenant) == [4...4, 5...5])
      #expect(try await lab.retainedRanges(other.tenant) == [1...1, 2...2])
      lab.clock.advanceWall(milliseconds: 3_600_000)
      #expect(try await lab.retained.trimSegments(limit: 100) == 2)
      #expect(try await lab.retained.retainedSpan(of: table.tenant).first == nil)
      #expect(try await lab.retainedRanges(other.tenant) == [1...1, 2...2])
      try await lab.commitAndAcknowledge(other.tenant)
      #expect(try await lab.retained.trimSegments(limit: 100) == 2)
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  /// A clock that was set back makes a young segment look old: what is left has no gap all the
  /// same.
  @Test(arguments: StoreBackends.all)
  func theOldestGoFirstWhateverTheClockSaid(_ kind: StoreKind) async throws {
    try await withLab(kind) { first in
      let lab = try await first.inAnotherProcess(retention: Self.hour)
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 1, prefix: "a")
      lab.clock.advanceWall(milliseconds: -7_200_000)
      try await lab.publishRows(table, 1, prefix: "b")
      lab.clock.advanceWall(milliseconds: 7_200_000)
      try await lab.commitAndAcknowledge(table.tenant)
      #expect(try await lab.retained.trimSegments(limit: 100) == 0)
      #expect(try await lab.retainedRanges(table.tenant) == [1...1, 2...2])
      lab.clock.advanceWall(milliseconds: 3_601_000)
      #expect(try await lab.retained.trimSegments(limit: 100) == 2)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aTenantKeepsOnlySoManyEvents(_ kind: StoreKind) async throws {
    try await withLab(kind) { first in
      let lab = try await first.inAnotherProcess(
        retention: SegmentRetention(seconds: 3_600, events: 3))
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 5)
      #expect(try await lab.retained.trimSegments(limit: 100) == 0)
      try await lab.commitAndAcknowledge(table.tenant)
      #expect(try await lab.retained.trimSegments(limit: 100) == 2)
      #expect(try await lab.retainedRanges(table.tenant) == [3...3, 4...4, 5...5])
    }
  }

  @Test(arguments: StoreBackends.all)
  func aRangeBeginsInTheSegmentThatHoldsItsFirstToken(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      _ = try await lab.publish(table, TestEvent("a"), TestEvent("b"), TestEvent("c"))
      lab.clock.advanceWall(milliseconds: 1_000)
      let middle = lab.clock.wall
      _ = try await lab.publish(table, TestEvent("d"), TestEvent("a"), TestEvent("e"))
      lab.clock.advanceWall(milliseconds: 1_000)
      _ = try await lab.publish(table, TestEvent("f"))
      let tenant = table.tenant
      #expect(try await lab.retainedRanges(tenant) == [1...3, 4...5, 6...6])
      #expect(try await lab.retainedRanges(tenant, 2...4) == [1...3, 4...5])
      #expect(try await lab.retainedRanges(tenant, 5...9) == [4...5, 6...6])
      #expect(try await lab.retainedRanges(tenant, 7...9).isEmpty)
      #expect(try await lab.retainedRanges(tenant, byteLimit: 1) == [1...3])
      let segments = try await lab.retained.retainedSegments(
        of: tenant, VisibilityToken(4)...VisibilityToken(5), byteLimit: 1)
      #expect(segments.map(\.skipped) == [[1]])
      func last(before instant: Timestamp) async throws -> Int64? {
        try await lab.retained.lastRetainedToken(of: tenant, publishedBefore: instant)?.rawValue
      }
      #expect(try await last(before: middle) == 3)
      #expect(try await last(before: middle.adding(milliseconds: 1)) == 5)
      #expect(try await last(before: middle.adding(seconds: -10)) == nil)
    }
  }

  /// Also with no retention at all, and through an acknowledgement.
  @Test(arguments: StoreBackends.all)
  func whatARunningReplayHasNotReadStays(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 4)
      let replay = try await lab.replays.beginReplay(
        lab.order(table, 2...4), tenant: table.tenant
      ).replay
      try await lab.commitAndAcknowledge(table.tenant)
      #expect(try await lab.retained.trimSegments(limit: 100) == 0)
      #expect(try await lab.retainedRanges(table.tenant) == [2...2, 3...3, 4...4])
      let owner = OwnerID("one")
      _ = try await lab.replays.claimEventReplay(owner: owner, leaseMs: leaseMs)
      #expect(
        try await lab.replays.advance(
          EventReplayStep(replay: replay.id, from: VisibilityToken(2), to: VisibilityToken(4)),
          owner: owner, leaseMs: leaseMs))
      #expect(try await lab.retained.trimSegments(limit: 100) == 2)
      #expect(try await lab.retainedRanges(table.tenant) == [4...4])
      _ = try await lab.replays.cancelReplay(replay.id, tenant: table.tenant)
      #expect(try await lab.retained.trimSegments(limit: 100) == 1)
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }
}
