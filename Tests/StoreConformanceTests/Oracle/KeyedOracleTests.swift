import Catalog
import Model
import Testing

/// What the official extension makes of keyed tables, and we of what it does to them.
@Suite struct KeyedOracleTests {
  @Test(arguments: OracleBackends.all)
  func theOfficialExtensionReadsEverySnapshotOfAKeyedTableAndItsChanges(
    _ kind: OracleKind
  ) async throws {
    try await withKeyedOracleLab(kind) { lab in
      try await lab.commit("put 1", "put 2", "put 3", "put 4", "put 5")
      try await lab.commit("put 2", "del 3", "put 6")
      try await lab.commit("put 2", "del 5", "put 1", "put 1")
      try await lab.commit("del 6")
      try await lab.checkRows()
      try await lab.checkChanges()

      try await lab.rewrite()
      try await lab.commit("put 4", "put 7")
      try await lab.commit("del 1", "put 7")
      try await lab.checkRows()
      try await lab.checkChanges()
      #expect(try await lab.lab.catalog.violations().isEmpty)

      // Expiry leaves what the other snapshots show.
      let leaving = Set(lab.states.dropLast().map(\.snapshot).filter { $0.rawValue % 2 == 0 })
      _ = try await lab.lab.catalog.expireSnapshots(Array(leaving))
      lab.forget(leaving)
      try await lab.checkRows()
      #expect(lab.states.count >= 4)
      #expect(try await lab.lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: OracleBackends.all)
  func rowsThatGoWhileAFileIsRewrittenAreGoneToTheOfficialExtension(
    _ kind: OracleKind
  ) async throws {
    try await withKeyedOracleLab(kind) { lab in
      try await lab.commit("put 1", "put 2", "put 3", "put 4", "put 5")
      try await lab.commit("put 6", "put 7", "del 2")
      try await lab.rewrite(late: "del 4", "del 7")
      try await lab.commit("del 1", "put 3")
      try await lab.checkRows()
      try await lab.checkChanges()
      #expect(try await lab.lab.catalog.violations().isEmpty)
    }
  }

  @Test func deletesAndUpdatesOfAnotherProgramBetweenOursAreHonoured() async throws {
    try await withKeyedOracleLab(OracleBackends.postgreSQL) { lab in
      try await lab.commit("put 1", "put 2", "put 3", "put 4", "put 5", "put 6")
      try await lab.commit("put 2", "del 3")
      try await lab.outside(["DELETE FROM lake.acme.items WHERE id = 1"], removes: [1])
      try await lab.outside(
        ["UPDATE lake.acme.items SET note = 't901' WHERE id = 4"], sets: [4: "t901"])
      let theirs = try #require(lab.states.last).snapshot
      try await lab.commit("put 1", "put 4", "del 5")
      try await lab.commit("put 6")
      try await lab.checkRows()
      // What another program deletes over our delete file it takes for deleted at once with what
      // was there; the changes of its own snapshots and ours after it are right.
      try await lab.checkChanges(after: theirs)

      // Rows that were never published are found, and nothing else is.
      let rules = Set(try await lab.lab.catalog.violations().map(\.rule))
      #expect(
        rules == [
          "the live rows of a table's files are those its ledger inserted and did not remove"
        ])
    }
  }

  @Test func upkeepByAnotherProgramLeavesKeyedTablesAsTheyAre() async throws {
    try await withKeyedOracleLab(OracleBackends.postgreSQL) { lab in
      try await lab.commit("put 1", "put 2", "put 3", "put 4", "put 5")
      try await lab.commit("put 2", "del 3")
      try await lab.commit("put 6")
      try await lab.commit("put 7", "del 1")
      let ours = lab.states.count
      try await lab.outside(["CALL ducklake_merge_adjacent_files('lake')"])
      #expect(lab.states.count == ours + 1, "nothing was merged")
      try await lab.checkRows()
      try await lab.commit("put 6", "put 7")
      try await lab.outside([
        "CALL ducklake_rewrite_data_files('lake', delete_threshold => 0.1)"
      ])
      #expect(lab.states.count == ours + 3, "nothing was rewritten")
      try await lab.checkRows()
      try await lab.commit("put 8", "del 2", "put 4")
      try await lab.checkRows()
      #expect(try await lab.lab.catalog.violations().isEmpty)

      let leaving = Array(lab.states.map(\.snapshot).dropLast(3))
      let versions = leaving.map { "\($0.rawValue)" }.joined(separator: ", ")
      try await lab.outside([
        "CALL ducklake_expire_snapshots('lake', versions => [\(versions)])",
        "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
      ])
      lab.forget(Set(leaving))
      try await lab.checkRows()
      try await lab.commit("put 2", "del 8")
      try await lab.checkRows()
      #expect(try await lab.lab.catalog.violations().isEmpty)
    }
  }

  @Test func aDeleteOfAnotherProgramBetweenLookAndCommitIsNotLost() async throws {
    try await withKeyedOracleLab(OracleBackends.postgreSQL) { lab in
      try await lab.commit("put 1", "put 2", "put 3", "put 4")
      try await lab.publish(["put 2", "del 3"])
      let refusals = try await lab.commitPending {
        try await lab.outside(["DELETE FROM lake.acme.items WHERE id IN (1, 3)"])
      }
      #expect(refusals == 1)
      // Row 3 was gone before it could be deleted, so that its event had no effect.
      let counts = try #require(try await lab.lab.catalog.accounts().first).counts
      #expect(counts.inserted == 5 && counts.deleted == 0 && counts.noOperation == 1)
      #expect(try await lab.shown() == ["2 t5", "4 t4"])
    }
  }

  @Test func anotherProgramThatDeletesAtTheSameTimeLosesNothingAndStopsNothing() async throws {
    try await withKeyedOracleLab(OracleBackends.postgreSQL) { lab in
      try await lab.publish((1...60).map { "put \($0)" })
      try await lab.commitPending()
      let catalog = lab.backend.oracleCatalog
      async let failures = DuckLakeOracle.execute(
        catalog: catalog, (1...15).map { "DELETE FROM lake.acme.items WHERE id = \($0)" })
      for id in 31...45 {
        try await lab.publish(["put \(id)", "del \(id + 15)"])
        try await lab.commitPending()
      }
      _ = try await failures
      // The put of 31 has token 61, that of 32 has 63, and so on.
      let expected =
        (16...30).map { "\($0) t\($0)" } + (31...45).map { "\($0) t\(61 + ($0 - 31) * 2)" }
      #expect(try await lab.shown() == expected.sorted())
    }
  }
}
