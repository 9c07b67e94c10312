import Catalog
import Consistency
import Coordinator
import IngestBus
import Maintenance
import Model
import Testing

/// Keys that another program has written more than once: it need not keep them unique.
@Suite struct KeyedDoubleTests {
  private static let doubled =
    "INSERT INTO lake.acme.keyed VALUES (1, 'theirs'), (2, 'theirs'), (2, 'again'), (7, 'new')"

  private func upserts(_ keys: [Int], _ note: String) -> [KeyedModel.Event] {
    keys.map { KeyedModel.Event(operation: .upsert, key: $0, note: "\(note) \($0)") }
  }

  private func commit(_ events: [KeyedModel.Event], _ world: KeyedWorld) async throws {
    let token = try await world.publish(events)
    try await running(world.mesh.coordinator()) { _ in try await world.wait(token) }
  }

  /// - Parameter isMerged: whether upkeep comes between the other program and the events.
  @Test(arguments: MeshStore.Kind.allCases, [false, true])
  func anEventTakesEveryRowOfItsKeyAway(kind: MeshStore.Kind, isMerged: Bool) async throws {
    try await withMesh(over: kind) { mesh in
      let world = try await KeyedWorld(mesh, shape: .number, rule: .upsert)
      try await commit(upserts([1, 2, 3, 4], "first"), world)
      try await commit(upserts([3], "second"), world)
      let official = mesh.officialReader()
      try await official.execute(Self.doubled)
      if isMerged {
        let summary = try await mesh.maintenance(KeyedConflictTests.eager).compactNow()
        #expect(summary.merges > 0 && summary.lost == 0, "\(summary)")
      }

      try await commit(
        upserts([1, 4], "third") + [
          KeyedModel.Event(operation: .delete, key: 2, note: ""),
          KeyedModel.Event(operation: .delete, key: 7, note: ""),
        ], world)
      let expected = world.shape.rows(world.model.rows(at: world.model.head))
      #expect(try await mesh.rows(of: world.table) == expected)
      let theirs = try await official.ask([
        .init(sql: "SELECT id, note FROM {table:keyed} ORDER BY id", snapshot: nil)
      ])
      #expect(theirs == [[["1", "third 1"], ["3", "second 3"], ["4", "third 4"]]])
      let account = try await mesh.account(of: world.table)
      #expect(account.isBalanced && account.pending == 0)
      #expect(account.counts == LedgerCounts(inserted: 7, deleted: 2))

      // What was never published is told, and nothing else is.
      let report = try await mesh.integrity()
      #expect(report.missingFiles == 0 && report.operationalFailures == 0, "\(report)")
      #expect(
        Set(report.violations) == [
          "the live rows of a table's files are those its ledger inserted and did not remove",
          "an event removes one row at most, and each that deletes removes one",
        ])
    }
  }

  /// The ledger knows nothing of their rows.
  @Test(arguments: MeshStore.Kind.allCases)
  func aSnapshotWithTheirRowsCanBePutBack(kind: MeshStore.Kind) async throws {
    try await withMesh(over: kind) { mesh in
      let world = try await KeyedWorld(mesh, shape: .number, rule: .upsert)
      let maintenance = mesh.maintenance(KeyedConflictTests.eager)
      let tenant = world.table.tenant
      try await commit(upserts([1, 2, 3, 4], "first"), world)
      try await commit(upserts([3], "second"), world)
      try await mesh.officialReader().execute(Self.doubled)
      try await commit(upserts([1], "third"), world)
      let doubled = try await mesh.catalog.latestSnapshot(tenant: tenant).id
      let rows = try await mesh.rows(of: world.table)
      #expect(rows.count == 7)
      try await commit(upserts([2, 7, 9], "fourth"), world)
      let single = try await mesh.catalog.latestSnapshot(tenant: tenant).id
      let later = try await mesh.rows(of: world.table)
      for (source, expected) in [(doubled, rows), (single, later), (doubled, rows)] {
        let summary = try await maintenance.restore(source, names: nil, tenant: tenant)
        let shown = try await mesh.rows(of: world.table, at: summary.commit.snapshot)
        #expect(shown == expected)
      }
      try await commit(upserts([2], "fifth"), world)
      #expect(
        try await mesh.rows(of: world.table)
          == rows.filter { !$0.contains(#""id":2,"#) }.reduce([#"{"id":2,"note":"fifth 2"}"#]) {
            ($0 + [$1]).sorted()
          })
    }
  }

  /// A row of theirs is a row, whatever the key's events were.
  @Test func aKeyOfTheirsIsLiveForTheTablesRule() async throws {
    try await withMesh { mesh in
      let world = try await KeyedWorld(mesh, shape: .number, rule: .deadLetter)
      try await commit(upserts([3], "first"), world)
      try await mesh.officialReader().execute(Self.doubled)
      let insert = KeyedModel.Event(operation: .insert, key: 2, note: "ours")
      try await commit([insert, KeyedModel.Event(operation: .upsert, key: 3, note: "x")], world)
      #expect(try await mesh.deadLetters(of: world.table).map(\.reason) == ["KEY_EXISTS"])
      try await commit(upserts([2], "ours"), world)
      try await commit([KeyedModel.Event(operation: .delete, key: 2, note: ""), insert], world)
      #expect(
        try await mesh.rows(of: world.table)
          == [
            #"{"id":1,"note":"theirs"}"#, #"{"id":2,"note":"ours"}"#, #"{"id":3,"note":"x"}"#,
            #"{"id":7,"note":"new"}"#,
          ])
    }
  }
}
