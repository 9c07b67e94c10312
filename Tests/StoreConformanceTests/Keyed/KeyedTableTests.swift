import Catalog
import Model
import Testing

@Suite struct KeyedTableTests {
  @Test(arguments: StoreBackends.all)
  func aPrimaryKeyIsKeptWithItsRuleAndItsColumnsAreRequired(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.makeTenant("acme")
      let definition = TableDefinition(
        name: "items",
        schema: try TableSchema(columns: [
          ColumnDefinition(name: "note", type: .varchar),
          ColumnDefinition(name: "Region", type: .varchar),
          ColumnDefinition(name: "id", type: .bigint),
        ]), primaryKey: ["id", "Region"], onExistingKey: .deadLetter)
      let made = try await lab.catalog.createTable(definition, tenant: tenant.id)
      #expect(made.definition.primaryKey == ["id", "Region"])
      #expect(made.definition.onExistingKey == .deadLetter)
      #expect(made.definition.isKeyed)
      #expect(made.primaryKeyColumnIDs == [3, 2])
      #expect(made.definition.schema.columns.map(\.isNullable) == [true, false, false])
      #expect(try await lab.catalog.table(named: "ITEMS", tenant: tenant.id) == made)
      #expect(try await lab.catalog.tables(ids: [made.id]) == [made])
      let latest = try await lab.catalog.latestSnapshot(tenant: tenant.id).id
      let shown = try await lab.catalog.manifests(
        tenant: tenant.id, names: ["items"], at: latest)
      #expect(shown.map(\.table) == [made])

      let plain = try await lab.makeTable("events", tenant)
      #expect(!plain.definition.isKeyed)
      #expect(plain.definition.onExistingKey == .upsert)
      #expect(try await lab.catalog.tables(ids: [plain.id]) == [plain])
    }
  }

  @Test(arguments: StoreBackends.all, [["nothing"], ["id", "id"], ["ID"]])
  func aKeyOfColumnsThatAreNotThereMakesNoTable(
    _ kind: StoreKind, _ key: [String]
  ) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.makeTenant("acme")
      let definition = TableDefinition(name: "items", schema: try Lab.schema(), primaryKey: key)
      let error = await #expect(throws: CatalogError.self) {
        try await lab.catalog.createTable(definition, tenant: tenant.id)
      }
      guard case .damaged = error else {
        Issue.record("refused as \(String(describing: error))")
        return
      }
      #expect(try await lab.catalog.table(named: "items", tenant: tenant.id) == nil)
    }
  }

  @Test(arguments: StoreBackends.all)
  func filesAreListedForLookupWithWhatIsKnownOfTheirKeys(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeKeyedTable(of: "acme")
      #expect(try await lab.catalog.lookupFiles(of: table.id, columns: [1]).isEmpty)
      try await lab.commit(table, "put a", "put b")
      try await lab.commit(table, "put b", "put c")
      let found = try await lab.catalog.lookupFiles(of: table.id, columns: [1, 2])
      let live = try await lab.catalog.liveFiles(of: table.id).map(\.file)
      #expect(found.map(\.file) == live)
      #expect(found.map { $0.file.deletes?.deleteCount } == [1, nil])
      #expect(found.allSatisfy { $0.statistics.map(\.columnID) == [1] })
      #expect(found[0].statistics[0].minimum == "1" && found[0].statistics[0].maximum == "9")
      #expect(found[0].statistics[0].containsNaN == nil)
      let without = try await lab.catalog.lookupFiles(of: table.id, columns: [])
      #expect(without.map(\.statistics) == [[], []])
      #expect(try await lab.catalog.lookupFiles(of: TableID(999), columns: [1]).isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func tablesWhoseFilesAreMostlyDeletedAreRewrittenFirst(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let much = try await lab.makeKeyedTable("much", of: "acme")
      let little = try await lab.makeKeyedTable("little", of: "acme")
      for table in [much, little] {
        try await lab.commit(table, "put a", "put b", "put c", "put d", "put e")
      }
      #expect(try await lab.catalog.rewriteCandidates(above: 0, limit: 9).isEmpty)
      try await lab.commit(little, "put a")
      #expect(try await lab.catalog.rewriteCandidates(above: 0.2, limit: 9).isEmpty)
      #expect(try await lab.catalog.rewriteCandidates(above: 0.199, limit: 9) == [little.id])
      try await lab.commit(much, "del a", "put b", "del c")
      #expect(
        try await lab.catalog.rewriteCandidates(above: 0.1, limit: 9) == [much.id, little.id])
      #expect(try await lab.catalog.rewriteCandidates(above: 0.1, limit: 1) == [much.id])
      #expect(try await lab.catalog.rewriteCandidates(above: 0.2, limit: 9) == [much.id])
      try await lab.rewrite(much)
      #expect(try await lab.catalog.rewriteCandidates(above: 0.1, limit: 9) == [little.id])
      _ = try await lab.catalog.dropTable(named: "little", tenant: little.tenant)
      #expect(try await lab.catalog.rewriteCandidates(above: 0.1, limit: 9).isEmpty)
    }
  }
}
