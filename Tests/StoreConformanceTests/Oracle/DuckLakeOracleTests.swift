import Catalog
import Consistency
import IngestBus
import Model
import Testing

@Suite struct DuckLakeOracleTests {
  typealias Row = DuckLakeOracle.Row

  @Test(arguments: OracleBackends.all)
  func theOfficialExtensionReadsEverySnapshotAsWeCommittedIt(_ kind: OracleKind) async throws {
    try await withOracleLab(kind) { lab in
      var history = try await lab.history(tables: ["acme.events", "globex.Visits"])
      try await lab.checkOracle(history)

      // A merge keeps every snapshot readable, also between the merged commits.
      try await lab.merge(lab.events)
      history.append(try await lab.step())
      try await lab.checkOracle(history)
      try await lab.commit([(lab.events, [Row(90, "after the merge")])])
      history.append(try await lab.step())
      try await lab.checkOracle(history)

      _ = try await lab.lab.catalog.dropTable(named: "visits", tenant: lab.visits.tenant)
      history.append(try await lab.step())
      try await lab.checkOracle(history)

      // Expiry leaves what the other snapshots show.
      let leaving = history.map(\.snapshot).filter { $0.rawValue % 2 == 0 }
      _ = try await lab.lab.catalog.expireSnapshots(leaving)
      let left = Set(
        try await lab.lab.catalog.snapshotStubs(after: nil, limit: 1_000).map(\.id))
      history.removeAll { !left.contains($0.snapshot) }
      #expect(history.count >= 4)
      try await lab.checkOracle(history)
      #expect(try await lab.lab.catalog.violations().isEmpty)
    }
  }

  @Test func commitsOfAnotherProgramBetweenOursAreHonoured() async throws {
    try await withOracleLab(OracleBackends.postgreSQL) { lab in
      var history = try await lab.history(tables: ["acme.events", "globex.Visits"])
      let texts = [
        nil, "", "free text, not JSON {\"commit\":", "{\"commit\":\"0\"}", "\u{1F986}'\\",
      ]
      for (index, text) in texts.enumerated() {
        let id = Int64(1_000 + index * 10)
        try await lab.insertFromOutside([Row(id, "outside"), Row(id + 1, nil)], extra: text)
        history.append(try await lab.step())
        try await lab.commit([(lab.events, [Row(id + 2, "after \(index)")])])
        history.append(try await lab.step())
      }
      try await lab.checkOracle(history)

      // The rows of both go through a merge, and what is after it as well.
      try await lab.merge(lab.events)
      history.append(try await lab.step())
      try await lab.insertFromOutside([Row(2_000, "last")], extra: nil)
      history.append(try await lab.step())
      try await lab.commit([(lab.events, [Row(2_001, "very last")])])
      history.append(try await lab.step())
      try await lab.checkOracle(history)
      // Rows that were never published are found, and nothing else is.
      let rules = Set(try await lab.lab.catalog.violations().map(\.rule))
      #expect(
        rules == [
          "the live rows of a table's files are those its ledger inserted and did not remove"
        ])
    }
  }

  @Test func anotherProgramThatCommitsAtTheSameTimeLosesNothingAndStopsNothing() async throws {
    try await withOracleLab(OracleBackends.postgreSQL) { lab in
      let before = try await lab.step().snapshot
      let request = DuckLakeOracle.InsertRequest(
        catalog: lab.backend.oracleCatalog, table: "acme.events", rows: [Row(5_000, "theirs")],
        extra: "x", times: 15)
      async let failures = DuckLakeOracle.insert(request)
      for index in 0..<40 {
        try await lab.commit([(lab.events, [Row(Int64(3_000 + index), "ours")])])
      }
      _ = try await failures
      let newest = try await lab.step()
      // Dense: each of both programs' commits has one id, and none has the same.
      #expect(newest.snapshot.rawValue == before.rawValue + 55)
      let answer = try await DuckLakeOracle.read(
        catalog: lab.backend.oracleCatalog, tables: ["acme.events"])
      let rows = try #require(answer.newest["acme.events"] ?? nil)
      #expect(rows.count == 55)
      #expect(rows.filter { $0.id == 5_000 }.count == 15)
      #expect(answer.snapshots.map(\.snapshot) == Array(0...newest.snapshot.rawValue))
      let counts = answer.snapshots.compactMap { ($0.tables["acme.events"] ?? nil)?.count }
      #expect(counts == counts.sorted())
    }
  }
}
