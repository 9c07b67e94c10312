import Catalog
import Consistency
import IngestBus
import Model
import Testing

@Suite struct SchemaVersionTests {
  @Test(arguments: StoreBackends.all)
  func everySnapshotKeepsTheVersionThatItHad(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.makeTenant("acme")
      let first = try await lab.catalog.createTable(
        TableDefinition(
          name: "events",
          schema: try TableSchema(columns: [
            column("id INTEGER!", comment: "who"), column("at TIMESTAMPTZ"), column("note TEXT"),
          ]), eventTimeColumn: "at"), tenant: tenant.id)
      var history = [(try await lab.catalog.latestSnapshot(tenant: tenant.id).id, first)]
      let steps: [([ColumnDefinition], [String: String])] = [
        // Added in the middle, with a default.
        (
          [
            try column("id INTEGER!", comment: "who"), try column("kind TEXT!", default: "new"),
            try column("at TIMESTAMPTZ"), try column("note TEXT"),
          ], [:]
        ),
        // Renamed, the event's time as well; widened; another default; a comment gone.
        (
          [
            try column("key BIGINT!"), try column("kind TEXT!", default: "old"),
            try column("time TIMESTAMPTZ"), try column("note TEXT", comment: "free text"),
          ], ["key": "id", "time": "at"]
        ),
        // Dropped, reordered, loosened.
        ([try column("time TIMESTAMPTZ"), try column("kind TEXT"), try column("key BIGINT")], [:]),
        // A dropped name comes back.
        (
          [
            try column("time TIMESTAMPTZ"), try column("kind TEXT"), try column("key BIGINT"),
            try column("note BIGINT"),
          ], [:]
        ),
      ]
      var table = first
      for (columns, renamed) in steps {
        table = try await lab.evolve(table, to: columns, renamed: renamed)
        #expect(table.definition.schema.columns == columns)
        let snapshot = try await lab.catalog.latestSnapshot(tenant: tenant.id).id
        #expect(table.versionBegin == snapshot)
        history.append((snapshot, table))
      }
      #expect(table.schemaVersion == 5)
      #expect(table.definition.eventTimeColumn == "time")
      // id 1, at 2, note 3, kind 4; the new note has an id that the table never had.
      #expect(table.columnIDs == [2, 4, 1, 5])
      #expect(table.initialDefaults == [nil, ColumnDefault(catalogText: "new"), nil, nil])
      #expect(try await lab.catalog.table(named: "EVENTS", tenant: tenant.id) == table)
      #expect(try await lab.catalog.tables(ids: [table.id]) == [table])
      for (snapshot, then) in history {
        #expect(try await lab.table(table, at: snapshot) == then)
        #expect(try await lab.catalog.table(table.id, at: snapshot) == then)
      }
      let versions = try await lab.catalog.tableVersions(of: table.id, below: nil, limit: 9)
      #expect(versions.map(\.table) == history.reversed().map(\.1))
      let page = try await lab.catalog.tableVersions(of: table.id, below: 4, limit: 2)
      #expect(page.map(\.table.schemaVersion) == [3, 2])
      #expect(try await lab.catalog.violations().isEmpty)

      _ = try await lab.catalog.dropTable(named: "events", tenant: tenant.id)
      #expect(
        try await lab.catalog.tables(ids: [table.id]).first?.definition == table.definition)
      for (snapshot, then) in history {
        let old = try #require(try await lab.table(table, at: snapshot))
        #expect(old.definition == then.definition && old.columnIDs == then.columnIDs)
      }
    }
  }

  @Test(arguments: StoreBackends.all)
  func theModeAloneMakesNoVersion(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let before = try await lab.catalog.latestSnapshot(tenant: table.tenant).id
      let altered = try await lab.evolve(
        table, to: table.definition.schema.columns, mode: .forward)
      #expect(altered == table.with(.forward))
      #expect(try await lab.catalog.table(named: "events", tenant: table.tenant) == altered)
      #expect(try await lab.catalog.latestSnapshot(tenant: table.tenant).id == before)
      let versions = try await lab.catalog.tableVersions(of: table.id, below: nil, limit: 9)
      #expect(versions.map(\.table.definition.compatibilityMode) == [.backward])
    }
  }

  @Test(arguments: StoreBackends.all)
  func aChangeThatIsMadeForAnotherVersionIsRefused(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      let columns = table.definition.schema.columns + [try column("more TEXT")]
      let altered = try await lab.evolve(table, to: columns)
      await #expect(throws: CatalogError.tableChanged) {
        try await lab.evolve(table, to: columns)
      }
      _ = try await lab.catalog.dropTable(named: "events", tenant: table.tenant)
      await #expect(throws: CatalogError.tableNotFound) {
        try await lab.evolve(altered, to: columns + [try column("yet TEXT")])
      }
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func whatWasMadeForTheOldVersionIsRefusedAfterwards(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 2)
      let owner = OwnerID("slow")
      let claims = try await lab.claim(owner, [table.tenant])
      let commit = try lab.materialise(claims, owner: owner)
      let altered = try await lab.evolve(
        table, to: table.definition.schema.columns + [try column("more TEXT")])
      #expect(try await lab.publish(table, TestEvent("late")) == .schemaChanged)
      await #expect(throws: CommitError.tablesChanged([table.id])) {
        try await lab.catalog.commit(commit)
      }
      // The key was not used up, and the old events land under the new version.
      #expect(try await lab.publish(altered, TestEvent("late")).tokens == [3])
      let again = EventCommit(
        id: .random(), owner: owner, fences: commit.fences,
        tables: [CommittedTable(table: table.id, schemaVersion: 2)], files: commit.files,
        ledger: commit.ledger, deadLetters: [])
      let receipt = try await lab.catalog.commit(again)
      #expect(try await lab.visibleTokens(table.tenant, at: receipt.snapshot) == [1, 2])
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func filesKnowTheVersionTheyWereWrittenUnder(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      var table = try await lab.makeTable(of: "acme")
      for round in 0..<3 {
        for part in 0..<2 {
          try await lab.publishRows(table, 1, prefix: "\(round)-\(part)")
          let owner = OwnerID("\(round)-\(part)")
          let claims = try await lab.claim(owner, [table.tenant])
          let commit = try lab.materialise(claims, owner: owner)
          _ = try await lab.catalog.commit(
            EventCommit(
              id: .random(), owner: owner, fences: commit.fences,
              tables: [CommittedTable(table: table.id, schemaVersion: table.schemaVersion)],
              files: commit.files, ledger: commit.ledger, deadLetters: []))
          try await lab.bus.release(
            owner: owner, claims: claims.map { ($0.tenant, $0.epoch) }, reason: .shutdown)
        }
        table = try await lab.evolve(
          table, to: table.definition.schema.columns + [try column("c\(round) TEXT")])
      }
      let files = try await lab.catalog.liveFiles(of: table.id)
      let versions = files.map(\.schemaVersion)
      #expect(Set(versions).count == 3)
      #expect(versions[0] == versions[1] && versions[2] == versions[3])
      for (index, file) in files.enumerated() {
        let then = try #require(try await lab.catalog.table(table.id, at: file.file.begin))
        #expect(then.schemaVersion == Int64(index / 2 + 1))
        #expect(file.file.begin >= then.versionBegin)
      }
    }
  }
}
