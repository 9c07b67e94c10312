import Catalog
import IngestBus
import Model
import Testing

@Suite struct PublishTests {
  @Test(arguments: StoreBackends.all)
  func newKeysGetDenseTokensOverRequestsAndGroups(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let outcomes = try await lab.publish([
        Draft(table, [TestEvent("a"), TestEvent("b")]), Draft(table, [TestEvent("c")]),
      ])
      #expect(outcomes.map(\.tokens) == [[1, 2], [3]])
      #expect(try await lab.publish(table, TestEvent("d")).tokens == [4])
      guard case .accepted(let acceptance) = outcomes[0] else { return }
      #expect(acceptance.head == VisibilityToken(3))
    }
  }

  @Test(arguments: StoreBackends.all)
  func aDuplicateGetsItsFirstTokenAndNoSecondPlace(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      _ = try await lab.publish(table, TestEvent("a"), TestEvent("b"))
      let again = try await lab.publish(table, TestEvent("x"), TestEvent("b"), TestEvent("y"))
      #expect(again.tokens == [3, 2, 4])
      #expect(again.duplicates == [1])
      let all = try await lab.publish(table, TestEvent("a"), TestEvent("y"))
      #expect(all.tokens == [1, 4])
      #expect(all.duplicates == [0, 1])
      try await expectPending(lab, table, ["a", "b", "x", "y"])
    }
  }

  @Test(arguments: StoreBackends.all)
  func oneKeyTwiceInARequestOrInAGroupIsADuplicate(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let outcomes = try await lab.publish([
        Draft(table, [TestEvent("a"), TestEvent("a"), TestEvent("b")]),
        Draft(table, [TestEvent("b"), TestEvent("c")]),
      ])
      #expect(outcomes.map(\.tokens) == [[1, 1, 2], [2, 3]])
      #expect(outcomes.map(\.duplicates) == [[1], [0]])
      try await expectPending(lab, table, ["a", "b", "c"])
    }
  }

  @Test(arguments: StoreBackends.all)
  func aConflictRefusesItsWholeRequestAndLeavesNothing(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      _ = try await lab.publish(table, TestEvent("a", "one"))
      let outcomes = try await lab.publish([
        Draft(table, [TestEvent("b")]),
        Draft(
          table,
          [TestEvent("c"), TestEvent("b"), TestEvent("d"), TestEvent("a", "two"), TestEvent("e")]),
        Draft(table, [TestEvent("f")]),
      ])
      #expect(outcomes[0].tokens == [2])
      #expect(outcomes[1] == .keyReused(index: 3))
      #expect(outcomes[2].tokens == [3])
      let keys = ["b", "c", "d", "e"].map { keyHash($0, table) }
      #expect(
        try await lab.bus.receipts(for: keys).map { $0?.token.rawValue } == [2, nil, nil, nil])
      // The keys of the refused request are free, with any content.
      #expect(
        try await lab.publish(table, TestEvent("c", "other"), TestEvent("d")).tokens == [4, 5])
      try await expectPending(lab, table, ["a", "b", "f", "c", "d"])
    }
  }

  @Test(arguments: StoreBackends.all)
  func oneKeyWithTwoContentsInARequestIsAConflict(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let outcome = try await lab.publish(
        table, TestEvent("a", "one"), TestEvent("a", "one"), TestEvent("a", "two"))
      #expect(outcome == .keyReused(index: 2))
      #expect(try await lab.publish(table, TestEvent("a", "two")).tokens == [1])
      try await expectPending(lab, table, ["a"])
    }
  }

  @Test(arguments: StoreBackends.all)
  func aRequestForATableThatIsGoneOrChangedIsRefusedAlone(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let old = try await lab.makeTable("old", try await lab.makeTenant("acme"))
      _ = try await lab.catalog.dropTable(named: "old", tenant: table.tenant)
      let outcomes = try await lab.publish([
        Draft(old, [TestEvent("a"), TestEvent("b")]),
        Draft(table, [TestEvent("c")], schemaVersion: 7),
        Draft(table, [TestEvent("d")]),
      ])
      #expect(outcomes == [.tableGone, .schemaChanged, outcomes[2]])
      #expect(outcomes[2].tokens == [1])
      try await expectPending(lab, table, ["d"])
    }
  }

  @Test(arguments: StoreBackends.all)
  func aTableOfAnotherTenantIsAsGone(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let mine = try await lab.makeTable(of: "acme")
      let other = try await lab.makeTable(of: "globex")
      let request = Draft(other, [TestEvent("a")])
      let group = PublishGroup(tenants: [
        TenantBatch(
          tenant: mine.tenant, requests: [request.request],
          body: SegmentCodec.encode([request.run]))
      ])
      #expect(try await lab.bus.publish(group) == [.tableGone])
      #expect(try await lab.bus.backlog().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func tenantsDoNotShareTokensOrKeys(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let first = try await lab.makeTable(of: "acme")
      let second = try await lab.makeTable(of: "globex")
      let outcomes = try await lab.publish([
        Draft(second, [TestEvent("a"), TestEvent("b")]), Draft(first, [TestEvent("a", "other")]),
        Draft(second, [TestEvent("c")]),
      ])
      #expect(outcomes.map(\.tokens) == [[1, 2], [1], [3]])
      try await expectPending(lab, first, ["a"])
      try await expectPending(lab, second, ["a", "b", "c"])
    }
  }

  @Test(arguments: StoreBackends.all)
  func aTableMadeAgainForgetsTheKeysOfItsNamesake(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      _ = try await lab.publish(table, TestEvent("a", "one"))
      _ = try await lab.catalog.dropTable(named: "events", tenant: table.tenant)
      let again = try await lab.makeTable(of: "acme")
      #expect(again.id != table.id)
      #expect(try await lab.publish(table, TestEvent("b")) == .tableGone)
      #expect(try await lab.publish(again, TestEvent("a", "two")).tokens == [2])
    }
  }

  @Test(arguments: StoreBackends.all)
  func aGroupThatAddsNothingLeavesNoSegment(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      _ = try await lab.publish(table, TestEvent("a"))
      let before = try await lab.bus.backlog()
      _ = try await lab.publish(table, TestEvent("a"))
      _ = try await lab.publish(table, TestEvent("b"), TestEvent("a", "other"))
      #expect(try await lab.bus.backlog() == before)
    }
  }
}

/// Checks the pending keys in token order, from token 1, without committing them.
func expectPending(
  _ lab: Lab, _ table: TableRecord, _ keys: [String],
  sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  let owner = OwnerID("onlooker")
  let claims = try await lab.claim(owner, [table.tenant])
  let events = try claims.flatMap { try $0.events() }
  #expect(events.map(\.key) == keys, sourceLocation: sourceLocation)
  #expect(
    events.map(\.token) == (1..<(Int64(keys.count) + 1)).map { $0 },
    sourceLocation: sourceLocation)
  try await lab.bus.release(
    owner: owner, claims: claims.map { ($0.tenant, $0.epoch) }, reason: .shutdown)
  #expect(try await lab.catalog.violations().isEmpty, sourceLocation: sourceLocation)
}
