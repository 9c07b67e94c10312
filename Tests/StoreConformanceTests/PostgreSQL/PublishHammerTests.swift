import Catalog
import IngestBus
import Model
import PostgreSQLStore
import Runtime
import TestSupport
import Testing

/// Publishers in two processes' pools against everything that may go wrong at once: the same keys,
/// other contents, groups of several tenants, statements cut short, connections cut off.
@Suite struct PublishHammerTests {
  @Test(arguments: [UInt64(71), 72])
  func tokensStayDenseAndAcknowledgementsTrueWhateverIsCut(_ seed: UInt64) async throws {
    try await withPostgreSQL { lab, backend in
      var tables: [TableRecord] = []
      for name in ["a", "b", "c", "d"] { tables.append(try await lab.makeTable(of: name)) }
      var hurried = backend.options
      hurried.publishingTimeoutMs = 2
      let buses = [
        lab.bus, PostgreSQLIngestBus(database: try await backend.openDatabase(backend.options)),
        PostgreSQLIngestBus(database: try await backend.openDatabase(hurried)),
      ]
      let run = HammerRun(backend: backend, buses: buses, tables: tables, seed: seed)
      let attempts = try await withThrowingTaskGroup(of: [HammerRun.Attempt].self) { group in
        for publisher in 0..<6 { group.addTask { try await run.publish(publisher) } }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      for table in tables { try await check(lab, table, attempts) }
      #expect(try await lab.catalog.violations().isEmpty)
      let counts = run.counts
      // Whether a cut meets a statement is chance; the run goes on until some were made.
      #expect(counts.cut > 0, "\(counts)")
      #expect(attempts.contains { $0.outcome.tokens == nil })
      #expect(attempts.contains { $0.outcome.duplicates?.isEmpty == false })
    }
  }

  private func check(
    _ lab: Lab, _ table: TableRecord, _ attempts: [HammerRun.Attempt]
  ) async throws {
    let events = try await lab.claim(OwnerID("reader"), [table.tenant])
      .flatMap { try $0.events() }
    let head = try await lab.catalog.progress(tenant: table.tenant).head.rawValue
    #expect(events.map(\.token) == (1..<(head + 1)).map { $0 }, "no hole, token order")
    let byKey = Dictionary(grouping: events, by: \.key)
    #expect(byKey.values.allSatisfy { $0.count == 1 }, "no key twice")
    for attempt in attempts where attempt.draft.table.id == table.id {
      guard case .accepted(let acceptance) = attempt.outcome else {
        guard case .keyReused = attempt.outcome else {
          Issue.record("refused: \(attempt.outcome)")
          continue
        }
        continue
      }
      for (event, token) in zip(attempt.draft.events, acceptance.tokens) {
        let kept = try #require(byKey[event.key]?.first, "acknowledged and lost")
        #expect(kept.token == token.rawValue)
        #expect(kept.payload == event.payload)
      }
    }
    let receipts = try await lab.bus.receipts(for: events.map { keyHash($0.key, table) })
    #expect(receipts.map { $0?.token.rawValue } == events.map(\.token))
  }
}

private final class HammerRun: Sendable {
  struct Attempt: Sendable {
    let draft: Draft
    let outcome: PublishOutcome
  }

  struct Counts: Sendable {
    var cut = 0
    var unknown = 0
    var unavailable = 0
  }

  private let backend: PostgreSQLBackend
  private let buses: [any IngestBus]
  private let tables: [TableRecord]
  private let seed: UInt64
  private let state = Lock(Counts())

  init(
    backend: PostgreSQLBackend, buses: [any IngestBus], tables: [TableRecord], seed: UInt64
  ) {
    self.backend = backend
    self.buses = buses
    self.tables = tables
    self.seed = seed
  }

  var counts: Counts { state.withLock { $0 } }

  func publish(_ number: Int) async throws -> [Attempt] {
    var random = SeededGenerator(seed: seed &* 1_000 &+ UInt64(number))
    let bus = buses[number % 2]
    var attempts: [Attempt] = []
    var round = 0
    // On until something was cut in the middle.
    while round < 60 || (number == 0 && counts.unknown + counts.unavailable == 0 && round < 3_000) {
      defer { round += 1 }
      let drafts = (0...random.below(5)).map { _ in draft(&random) }
      let (group, places) = publishGroup(drafts)
      if number == 0, round % 6 == 5 { try await cutAConnection(&random) }
      // Cut short by the server somewhere in the middle, or not: nobody is told of its outcome.
      if random.chance(10) { _ = try? await buses[2].publish(group) }
      let outcomes = try await publishUntilCertain(group, bus)
      attempts += drafts.indices.map {
        Attempt(draft: drafts[$0], outcome: outcomes[places[$0]])
      }
    }
    return attempts
  }

  /// What a client does: the same group again until there is an answer.
  private func publishUntilCertain(
    _ group: PublishGroup, _ bus: any IngestBus
  ) async throws -> [PublishOutcome] {
    for _ in 0..<10_000 {
      do {
        return try await bus.publish(group)
      } catch {
        guard !error.isCertainlyNotApplied else {
          // A deadlock is broken by the server, so it would only show here.
          if "\(error)".contains("40P01") { Issue.record("deadlock") }
          guard case .unavailable = error else { throw error }
          state.withLock { $0.unavailable += 1 }
          await Task.yield()
          continue
        }
        state.withLock { $0.unknown += 1 }
      }
    }
    throw NoAnswer()
  }

  private struct NoAnswer: Error {}

  private func cutAConnection(_ random: inout SeededGenerator) async throws {
    try await backend.database.execute(
      """
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'duckmesh publish'
      ORDER BY state = 'active' DESC, pid LIMIT \(1 + random.below(3))
      """)
    state.withLock { $0.cut += 1 }
  }

  private func draft(_ random: inout SeededGenerator) -> Draft {
    let table = tables[random.below(tables.count)]
    // Few keys, so that they are met again, and now and then with other content.
    return Draft(
      table,
      (0...random.below(12)).map { _ in
        let key = random.below(1_500)
        return TestEvent("\(key)", random.chance(2) ? "row other" : "row \(key)")
      })
  }
}
