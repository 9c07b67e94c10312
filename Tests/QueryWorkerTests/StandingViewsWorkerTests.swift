import DuckDB
import Foundation
import Testing
import WorkerPool
import WorkerProtocol

/// Views that stay between queries, in the whole worker.
@Suite struct StandingViewsWorkerTests {
  /// One worker for the tenant, so that each query runs where the one before has run.
  private static func withOneWorker(_ body: (PoolFixture) async throws -> Void) async throws {
    try await PoolFixture.withPool(
      .with { options in
        options.maximumWorkers = 1
        options.spareWorkers = 0
      }
    ) { fixture in
      try await fixture.run("SELECT 1")
      let processes = fixture.pool.processIDs
      try await body(fixture)
      #expect(fixture.pool.processIDs == processes, "all of it in one worker")
    }
  }

  private static func answer(
    _ fixture: PoolFixture, _ sql: String, _ files: [String: String],
    listing: [ListedTable] = []
  ) async throws -> String {
    let answer = CollectedAnswer()
    let outcome = await fixture.outcome(of: WorkerQuery(sql: sql), into: answer) { _ in
      ResolvedRelations(
        relations: files.map { name, file in
          RelationDefinition(
            name: name, select: "SELECT * FROM read_parquet([\(sqlLiteral(file))])")
        }, listing: listing)
    }
    return outcome.map { "\($0)" } ?? answer.text
  }

  @Test func aWorkersQueriesReadTheFilesOfTheirOwnSnapshots() async throws {
    try await Self.withOneWorker { fixture in
      let old = try await fixture.lake.write("old", of: 1, as: "SELECT 1 AS id")
      let new = try await fixture.lake.write("new", of: 1, as: "SELECT 1 AS id, 'x' AS name")
      for _ in 0..<3 {
        #expect(try await Self.answer(fixture, "FROM events", ["events": old]) == "[1]")
        #expect(try await Self.answer(fixture, "FROM events", ["events": old]) == "[1]")
        #expect(try await Self.answer(fixture, "FROM Events", ["events": new]) == #"[1,"x"]"#)
        let both = try await Self.answer(
          fixture, "SELECT count(*) FROM events, others", ["events": new, "others": old])
        #expect(both == "[1]")
      }
    }
  }

  @Test func aWorkerListsWhatTheRequestListsAndKnowsNoTableOfAnEarlierOne() async throws {
    try await Self.withOneWorker { fixture in
      let file = try await fixture.lake.write("a", of: 1, as: "SELECT 1 AS id")
      func listed(_ name: String) -> [ListedTable] {
        [ListedTable(name: name, columns: [ListedColumn(name: "id", type: "BIGINT")])]
      }
      for _ in 0..<3 {
        #expect(try await Self.answer(fixture, "FROM a", ["a": file]) == "[1]")
      }
      for sql in ["SHOW TABLES", "SELECT table_name FROM information_schema.tables"] {
        let names = try await Self.answer(fixture, sql, [:], listing: listed("b"))
        #expect(names == #"["b"]"#)
      }
      let both = try await Self.answer(
        fixture, "SELECT a.id, t.table_name FROM a, information_schema.tables t", ["a": file],
        listing: listed("a"))
      #expect(both == #"[1,"a"]"#)
      #expect(
        try await Self.answer(fixture, "FROM a", [:])
          == "\(PoolFixture.Failure.query(.tableNotFound))")
    }
  }

  @Test func aFileThatIsGoneFailsItsQueryAndNotTheNext() async throws {
    try await Self.withOneWorker { fixture in
      let gone = try await fixture.lake.write("gone", of: 1, as: "SELECT 1 AS id")
      let there = try await fixture.lake.write("there", of: 1, as: "SELECT 2 AS id")
      // Until its view stands.
      for _ in 0..<3 {
        #expect(try await Self.answer(fixture, "FROM a", ["a": gone]) == "[1]")
      }
      try FileManager.default.removeItem(atPath: gone)
      for _ in 0..<2 {
        // Through the view that stands, and under a name of its own.
        for name in ["a", "b"] {
          let failed = try await Self.answer(fixture, "FROM \(name)", [name: gone])
          #expect(failed == "\(PoolFixture.Failure.query(.snapshotGone))")
        }
        #expect(try await Self.answer(fixture, "FROM a", ["a": there]) == "[2]")
      }
    }
  }

  @Test func aQueryThatWasStoppedOrFailedLeavesItsWorkerSound() async throws {
    try await Self.withOneWorker { fixture in
      let old = try await fixture.lake.write("old", of: 1, as: "SELECT range AS id FROM range(3)")
      let new = try await fixture.lake.write("new", of: 1, as: "SELECT range AS id FROM range(5)")
      let count = "SELECT count(*) FROM t"
      for file in [old, new, old] {
        #expect(
          try await Self.answer(fixture, "SELECT id::VARCHAR || 'x', error FROM t", ["t": file])
            == "\(PoolFixture.Failure.query(.invalidSQL))")
        try await withThrowingTaskGroup(of: Void.self) { group in
          let sink = Gatekeeper()
          sink.letGo.decide(())
          group.addTask {
            let endless = WorkerQuery(
              sql: "SELECT range, repeat('x', 100) FROM t, range(5000000)", format: .ndjson,
              rowLimit: 10_000_000, resultByteLimit: .max)
            let outcome = await fixture.outcome(of: endless, into: sink) { _ in
              ResolvedRelations(relations: [
                RelationDefinition(
                  name: "t", select: "SELECT * FROM read_parquet([\(sqlLiteral(file))])")
              ])
            }
            #expect(outcome == .cancelled)
          }
          await sink.firstRows.value()
          group.cancelAll()
          try await group.waitForAll()
        }
        #expect(try await Self.answer(fixture, count, ["t": old]) == "[3]")
        #expect(try await Self.answer(fixture, count, ["t": new]) == "[5]")
      }
    }
  }
}
