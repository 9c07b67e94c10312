import Catalog
import IngestBus
import Model
import Testing

/// Many publishers at once, with duplicates and conflicts, held against what must be true after.
@Suite struct ConcurrentPublishTests {
  @Test(arguments: StoreBackends.all, [UInt64(11), 12, 13])
  func tokensStayDenseAndReceiptsTrue(_ kind: StoreKind, _ seed: UInt64) async throws {
    try await withLab(kind) { lab in
      var tables: [TableRecord] = []
      for name in ["a", "b", "c"] { tables.append(try await lab.makeTable(of: name)) }
      let choices = tables
      let attempts = try await withThrowingTaskGroup(of: [Attempt].self) { group in
        for publisher in 0..<8 {
          group.addTask {
            var random = SeededGenerator(seed: seed &* 1_000 &+ UInt64(publisher))
            var attempts: [Attempt] = []
            for _ in 0..<25 {
              let drafts = (0...random.below(4)).map { _ in randomDraft(choices, &random) }
              for (draft, outcome) in zip(drafts, try await lab.publish(drafts)) {
                attempts.append(Attempt(draft: draft, outcome: outcome))
              }
            }
            return attempts
          }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      for table in tables { try await check(lab, table, attempts) }
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  private struct Attempt: Sendable {
    let draft: Draft
    let outcome: PublishOutcome
  }

  private func check(_ lab: Lab, _ table: TableRecord, _ attempts: [Attempt]) async throws {
    let claims = try await lab.claim(OwnerID("reader"), [table.tenant])
    let events = try claims.flatMap { try $0.events() }
    let head = try await lab.catalog.progress(tenant: table.tenant).head.rawValue
    #expect(events.map(\.token) == (1..<(head + 1)).map { $0 }, "no hole, token order")
    let byKey = Dictionary(grouping: events, by: \.key)
    #expect(byKey.values.allSatisfy { $0.count == 1 }, "no key twice")
    for attempt in attempts where attempt.draft.table.id == table.id {
      let drafts = attempt.draft.events
      switch attempt.outcome {
      case .accepted(let acceptance):
        #expect(acceptance.tokens.count == drafts.count)
        for (event, token) in zip(drafts, acceptance.tokens) {
          let kept = try #require(byKey[event.key]?.first, "acknowledged and lost")
          #expect(kept.token == token.rawValue)
          #expect(kept.payload == event.payload)
        }
      case .keyReused(let index):
        let culprit = drafts[index]
        let isWithin = drafts[..<index].contains {
          $0.key == culprit.key && $0.payload != culprit.payload
        }
        #expect(isWithin || byKey[culprit.key]?.first?.payload != culprit.payload)
      case .tableGone, .schemaChanged: Issue.record("refused: \(attempt.outcome)")
      }
    }
    let receipts = try await lab.bus.receipts(for: events.map { keyHash($0.key, table) })
    #expect(receipts.map { $0?.token.rawValue } == events.map(\.token))
    let refused = attempts.filter { $0.outcome.tokens == nil }.count
    #expect(refused > 0 && refused < attempts.count, "the mix has conflicts")
  }
}

private func randomDraft(_ tables: [TableRecord], _ random: inout SeededGenerator) -> Draft {
  let table = tables[random.below(tables.count)]
  let events = (0...random.below(6)).map { _ in
    // Few keys, so that they are met again, and now and then with other content.
    let key = random.below(600)
    return TestEvent("\(key)", random.chance(3) ? "row other" : "row \(key)")
  }
  return Draft(table, events)
}
