import Catalog
import Consistency
import Coordinator
import IngestBus
import Model
import Runtime
import Testing

/// What one batch does to a keyed table.
@Suite struct KeyedBatchTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let kind: MeshStore.Kind
    let shape: KeyedShape
    let rule: ExistingKeyRule
    let seed: UInt64

    var testDescription: String { "\(kind.testDescription), \(shape), \(rule), seed \(seed)" }

    static let all = KeyedShape.allCases.flatMap { shape in
      ExistingKeyRule.allCases.flatMap { rule in
        [MeshStore.Kind.sqlite, .postgreSQL].enumerated().map { place, kind in
          Case(kind: kind, shape: shape, rule: rule, seed: UInt64(20 + place))
        }
      }
    }
  }

  @Test(arguments: Case.all) func aBatchDoesWhatItsEventsWouldDoOneByOne(_ test: Case) async throws
  {
    try await withMesh(over: test.kind) { mesh in
      var random = SeededGenerator(seed: test.seed)
      let world = try await KeyedWorld(mesh, shape: test.shape, rule: test.rule)
      var before = LedgerCounts()
      for _ in 0..<12 {
        let events = KeyedModel.draw(1 + random.below(40), keys: 12, &random)
        let from = world.model.head
        let token = try await world.publish(events)
        try await running(mesh.coordinator()) { _ in try await world.wait(token) }
        let after = try await mesh.account(of: world.table).counts
        let expected = world.model.counts(after: from, through: token.rawValue)
        #expect(after == before + expected.counts, "after token \(from)")
        before = after
      }
      try await world.expectEverySnapshot()
      try await world.expectAccounts()
      try await world.expectTokens()
      try await mesh.expectClean()
    }
  }

  @Test func aBatchThatDeletesWhatIsNotThereLeavesNoFile() async throws {
    try await withMesh { mesh in
      let world = try await KeyedWorld(mesh, shape: .number, rule: .upsert)
      let token = try await world.publish(
        (0..<5).map { KeyedModel.Event(operation: .delete, key: $0, note: "") })
      try await running(mesh.coordinator()) { _ in try await world.wait(token) }
      #expect(try await mesh.objects().isEmpty)
      #expect(try await mesh.account(of: world.table).counts == LedgerCounts(noOperation: 5))
      try await mesh.expectClean()
    }
  }

  @Test func onlyFilesThatMayHoldAKeyAreRead() async throws {
    try await withMesh { mesh in
      let world = try await KeyedWorld(mesh, shape: .number, rule: .upsert)
      func commit(_ keys: Range<Int>) async throws {
        let token = try await world.publish(
          keys.map { KeyedModel.Event(operation: .upsert, key: $0, note: "n\($0)") })
        try await running(mesh.coordinator()) { _ in try await world.wait(token) }
      }
      for start in stride(from: 0, to: 500, by: 100) { try await commit(start..<start + 100) }
      let files = mesh.metrics.coordinator.keyLookupFiles
      let sum = files.snapshot().sum
      try await commit(250..<260)
      #expect(files.snapshot().sum - sum == 1, "one file of five has these keys")
      try await world.expectEverySnapshot()
      try await mesh.expectClean()
    }
  }

  @Test func recordsThatFailAloneAreDeadLettersAndTheOthersDoWhatTheyWould() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable(
        "prices", of: "acme",
        [
          ColumnDefinition(name: "id", type: .bigint),
          ColumnDefinition(name: "price", type: .decimal(precision: 6, scale: 2)),
        ], key: ["id"])
      // The edge lets no such payload through; here they are planted behind it.
      let payloads = [
        (IngestOperation.upsert, #"{"id":1,"price":"1.25"}"#),
        (.upsert, #"{"id":1,"price":"no price"}"#),
        (.upsert, #"{"id":2,"price":"2.00"}"#),
        (.upsert, #"{"price":"3.00"}"#),
        (.delete, #"{"id":2,"price":"no price"}"#),
        (.upsert, #"{"id":4,"price":"4.25"}"#),
      ]
      let accepted = try await mesh.publish(
        table,
        records: payloads.map { operation, payload in
          EventRecord(
            operation: operation, idempotencyKey: Array(RandomHex.digits(32).utf8),
            payload: Array(payload.utf8))
        })
      let last = try #require(accepted.tokens.last)
      try await running(mesh.coordinator()) { _ in try await mesh.wait(table, last) }
      #expect(
        try await mesh.rows(of: table) == [#"{"id":1,"price":1.25}"#, #"{"id":4,"price":4.25}"#])
      let letters = try await mesh.deadLetters(of: table)
      #expect(letters.map(\.token.rawValue) == [2, 4])
      #expect(letters.map(\.reason) == ["CAST_FAILED", "SCHEMA_VIOLATION"])
      #expect(
        try await mesh.account(of: table).counts
          == LedgerCounts(inserted: 2, superseded: 1, noOperation: 1, deadLettered: 2))
      try await mesh.expectClean()
    }
  }
}
