import Catalog
import IngestBus
import Model
import Testing

/// Columns that are lists, structures and maps, in the catalog.
@Suite struct NestedColumnTests {
  private static let columns = [
    "id BIGINT!", "tags TEXT[]", "place STRUCT(x INTEGER, path STRUCT(a DATE, b DECIMAL(9,2)[])[])",
    "counts MAP(TEXT, MAP(INTEGER, JSON))", "at TIMESTAMP_NS",
  ]

  @Test(arguments: StoreBackends.all)
  func aNestedColumnIsReadBackWithTheIdsOfAllThatIsInside(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.makeTenant("acme")
      let definition = TableDefinition(
        name: "events",
        schema: try TableSchema(columns: try Self.columns.map { try column($0, comment: $0) }),
        eventTimeColumn: nil, primaryKey: ["id"])
      let made = try await lab.catalog.createTable(definition, tenant: tenant.id)
      #expect(made.columnIDs == [1, 2, 4, 11, 16])
      #expect(made.innerColumnIDs == [[], [3], [5, 6, 7, 8, 9, 10], [12, 13, 14, 15], []])
      #expect(made.primaryKeyColumnIDs == [1])
      let found = try await lab.catalog.table(named: "events", tenant: tenant.id)
      #expect(found?.definition.schema.columns.map(\.type) == definition.schema.columns.map(\.type))
      #expect(found == made)
      #expect(try await lab.catalog.tables(ids: [made.id]) == [made])
      let fields = Dictionary(
        made.fieldIDs.map { ($0.name, $0.sql) }, uniquingKeysWith: { first, _ in first })
      #expect(fields["id"] == "\"id\": 1")
      #expect(fields["tags"] == "\"tags\": {__duckdb_field_id: 2, \"element\": 3}")
      #expect(
        fields["counts"] == """
          "counts": {__duckdb_field_id: 11, "key": 12, "value": {__duckdb_field_id: 13, \
          "key": 14, "value": 15}}
          """)
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func nestedColumnsAreAddedRenamedAndDroppedWhole(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.makeTenant("acme")
      var table = try await lab.catalog.createTable(
        TableDefinition(
          name: "events",
          schema: try TableSchema(columns: [
            column("id BIGINT!"), column("tags TEXT[]"), column("place STRUCT(x INTEGER, y DATE)"),
          ])), tenant: tenant.id)
      var history = [(try await lab.catalog.latestSnapshot(tenant: tenant.id).id, table)]
      let steps: [([String], [String: String])] = [
        (
          [
            "id BIGINT!", "a MAP(TEXT, INTEGER[])", "labels TEXT[]", "b INTEGER",
            "place STRUCT(x INTEGER, y DATE)", "c STRUCT(x INTEGER[])",
          ], ["labels": "tags"]
        ),
        (["c STRUCT(x INTEGER[])", "labels TEXT[]", "id BIGINT!"], [:]),
        // A dropped name comes back with ids of its own.
        (["c STRUCT(x INTEGER[])", "id BIGINT!", "tags TEXT[]", "labels TEXT[]"], [:]),
      ]
      for (columns, renamed) in steps {
        table = try await lab.evolve(
          table, to: try columns.map { try column($0) }, renamed: renamed)
        history.append((try await lab.catalog.latestSnapshot(tenant: tenant.id).id, table))
      }
      // At first id 1, tags 2 to 3, place 4 to 6; then a 7 to 10, b 11, c 12 to 14; tags 15 to 16.
      #expect(history[1].1.columnIDs == [1, 7, 2, 11, 4, 12])
      #expect(history[1].1.innerColumnIDs == [[], [8, 9, 10], [3], [], [5, 6], [13, 14]])
      #expect(table.columnIDs == [12, 1, 15, 2])
      #expect(table.innerColumnIDs == [[13, 14], [], [16], [3]])
      for (snapshot, then) in history {
        #expect(try await lab.table(table, at: snapshot) == then)
        #expect(try await lab.catalog.table(table.id, at: snapshot) == then)
      }
      let versions = try await lab.catalog.tableVersions(of: table.id, below: nil, limit: 9)
      #expect(versions.map(\.table) == history.reversed().map(\.1))
      _ = try await lab.catalog.dropTable(named: "events", tenant: tenant.id)
      let dropped = try await lab.catalog.table(table.id, at: history[0].0)
      #expect(dropped?.fieldIDs == history[0].1.fieldIDs)
      #expect(try await lab.catalog.violations().isEmpty)
    }
  }

  @Test(arguments: StoreBackends.all)
  func whatIsInsideANestedColumnStaysAsItIs(_ kind: StoreKind) async throws {
    try await withLab(kind) { lab in
      let tenant = try await lab.makeTenant("acme")
      let table = try await lab.catalog.createTable(
        TableDefinition(
          name: "events",
          schema: try TableSchema(columns: [
            column("id INTEGER"), column("place STRUCT(x INTEGER)"),
          ])), tenant: tenant.id)
      for change in ["STRUCT(x BIGINT)", "STRUCT(x INTEGER, y INTEGER)", "STRUCT(x INTEGER)[]"] {
        let columns = try [column("id INTEGER"), column("place \(change)")]
        await #expect(throws: SchemaEvolution.Incompatible.self, "\(change)") {
          try await lab.evolve(table, to: columns)
        }
      }
      let replaced = try await lab.evolve(
        table, to: [try column("id INTEGER"), try column("place STRUCT(x BIGINT)")],
        mode: CompatibilityMode.none)
      #expect(replaced.columnIDs == [1, 4] && replaced.innerColumnIDs == [[], [5]])
      #expect(try await lab.catalog.table(named: "events", tenant: tenant.id) == replaced)
    }
  }
}
