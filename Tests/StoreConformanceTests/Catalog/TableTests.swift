import Catalog
import IngestBus
import Model
import Testing

@Suite struct TableTests {
  @Test(arguments: StoreBackends.all)
  func aTableIsReadBackAsItWasMade(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.makeTenant("acme")
      let definition = TableDefinition(
        name: "Clicks",
        schema: try TableSchema(columns: [
          ColumnDefinition(name: "id", type: .uuid, isNullable: false),
          ColumnDefinition(
            name: "amount", type: .decimal(precision: 18, scale: 4),
            defaultValue: ColumnDefault(catalogText: "0.5")),
          ColumnDefinition(name: "at", type: .timestampTZ),
          ColumnDefinition(name: "extra", type: .json),
        ]), compatibilityMode: .full, eventTimeColumn: "at")
      let made = try await lab.catalog.createTable(definition, tenant: tenant.id)
      #expect(made.definition == definition)
      #expect(made.columnIDs == [1, 2, 3, 4])
      #expect(made.folder == tenant.folder + "table-\(made.id.rawValue)/")
      #expect(try await lab.catalog.table(named: "cLICKS", tenant: tenant.id) == made)
      #expect(try await lab.catalog.tables(ids: [made.id, TableID(999)]) == [made])
    }
  }

  @Test(arguments: StoreBackends.all)
  func namesAreUniqueIgnoringCaseWithinATenant(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (acme, globex) = (try await lab.makeTenant("acme"), try await lab.makeTenant("globex"))
      let mine = try await lab.makeTable("Events", acme)
      let definition = TableDefinition(name: "EVENTS", schema: try Lab.schema())
      await #expect(throws: CatalogError.tableExists) {
        try await lab.catalog.createTable(definition, tenant: acme.id)
      }
      let theirs = try await lab.catalog.createTable(definition, tenant: globex.id)
      #expect(try await lab.catalog.table(named: "events", tenant: acme.id)?.id == mine.id)
      #expect(try await lab.catalog.table(named: "events", tenant: globex.id)?.id == theirs.id)
    }
  }

  @Test(arguments: StoreBackends.all)
  func aDroppedTableIsGoneButItsRowsStayAtOlderSnapshots(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let table = try await lab.makeTable(of: "acme")
      try await lab.publishRows(table, 3)
      let full = try await lab.commitAll([table.tenant])
      _ = try await lab.catalog.dropTable(named: "EVENTS", tenant: table.tenant)
      #expect(try await lab.catalog.table(named: "events", tenant: table.tenant) == nil)
      await #expect(throws: CatalogError.tableNotFound) {
        try await lab.catalog.dropTable(named: "events", tenant: table.tenant)
      }
      #expect(try await lab.catalog.tables(ids: [table.id]).first?.isDropped == true)
      #expect(
        try await lab.catalog.tables(ids: [table.id]).first?.definition == table.definition)
      let again = try await lab.makeTable(of: "acme")
      try await lab.publishRows(again, 1)
      let refilled = try await lab.commitAll([table.tenant])
      #expect(try await lab.visibleTokens(table.tenant, at: full.snapshot) == [1, 2, 3])
      #expect(try await lab.visibleTokens(table.tenant, at: refilled.snapshot) == [4])
      let old = try await lab.catalog.contents(of: [full.snapshot], tenant: table.tenant)
      #expect(old[full.snapshot]?.map(\.rows) == [3])
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func tablesAreListedByNameAndPage(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let (acme, globex) = (try await lab.makeTenant("acme"), try await lab.makeTenant("globex"))
      for name in ["delta", "Bravo", "alpha", "Charlie", "echo"] {
        _ = try await lab.makeTable(name, acme)
      }
      _ = try await lab.makeTable("aaa", globex)
      _ = try await lab.catalog.dropTable(named: "delta", tenant: acme.id)
      let first = try await lab.catalog.tables(tenant: acme.id, after: nil, limit: 2)
      #expect(first.map(\.name) == ["alpha", "Bravo"])
      let rest = try await lab.catalog.tables(tenant: acme.id, after: "BRAVO", limit: 9)
      #expect(rest.map(\.name) == ["Charlie", "echo"])
    }
  }

  @Test(arguments: StoreBackends.all)
  func tenantsAreMadeOnceAndUpToALimit(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      #expect(try await lab.catalog.tenant(named: "acme") == nil)
      let acme = try await lab.catalog.ensureTenant(named: "acme", limit: 2)
      #expect(try await lab.catalog.ensureTenant(named: "acme", limit: 0) == acme)
      #expect(try await lab.catalog.tenant(named: "acme") == acme)
      let globex = try await lab.catalog.ensureTenant(named: "globex", limit: 2)
      await #expect(throws: CatalogError.tenantLimitReached(limit: 2)) {
        try await lab.catalog.ensureTenant(named: "initech", limit: 2)
      }
      #expect(try await lab.catalog.tenants() == [acme, globex])
    }
  }

  @Test(arguments: StoreBackends.all)
  func aTenantAskedForAtTheSameTimeIsMadeOnce(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let ids = try await withThrowingTaskGroup(of: TenantID.self) { group in
        for _ in 0..<16 { group.addTask { try await lab.makeTenant("acme").id } }
        return try await group.reduce(into: Set<TenantID>()) { $0.insert($1) }
      }
      #expect(ids.count == 1)
      #expect(try await lab.catalog.tenants().count == 1)
    }
  }
}
