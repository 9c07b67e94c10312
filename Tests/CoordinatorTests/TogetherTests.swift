import Catalog
import Coordinator
import Model
import Runtime
import Testing

/// Small batches of many tenants in one flight, which are written together where they look alike.
@Suite struct TogetherTests {
  private static let tenants = (0..<9).map { "tenant-\($0)" }

  /// A table of the usual shape for each tenant.
  private func makeTables(_ mesh: Mesh) async throws -> [TableRecord] {
    var tables: [TableRecord] = []
    for tenant in Self.tenants { tables.append(try await mesh.makeTable(of: tenant)) }
    return tables
  }

  /// Carries everything pending in one flight.
  ///
  /// - Parameters:
  ///   - shared: how many batches are expected to be written by a statement of several.
  ///   - own: how many by a statement of their own.
  private func carry(
    _ mesh: Mesh, _ last: [(table: TableRecord, token: VisibilityToken)], shared: Int, own: Int = 0,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let coordinator = mesh.coordinator()
    for (table, token) in last {
      coordinator.published(tenant: table.tenant, head: token, bytes: 1)
    }
    // At its end it takes all that it knows of.
    let shutdown = Shutdown()
    shutdown.request()
    try await coordinator.run(shutdown: shutdown)
    for (table, token) in last {
      let visible = try #require(mesh.hub.watermark(of: table.tenant)?.token)
      try #require(visible >= token, sourceLocation: sourceLocation)
    }
    let written = mesh.metrics.coordinator.batchesWritten
    #expect(written.with("shared").value == shared, sourceLocation: sourceLocation)
    #expect(written.with("own").value == own, sourceLocation: sourceLocation)
  }

  @Test(arguments: MeshStore.Kind.allCases)
  func eachTenantsRowsAreInAFileOfItsOwn(over kind: MeshStore.Kind) async throws {
    try await withMesh(over: kind) { mesh in
      let tables = try await makeTables(mesh)
      var last: [(table: TableRecord, token: VisibilityToken)] = []
      for (number, table) in tables.enumerated() {
        let ids = number * 100..<number * 100 + number + 1
        let tokens = try await mesh.publish(table, ids.map(row))
        last.append((table, tokens.max() ?? .none))
      }
      try await carry(mesh, last, shared: 9)
      for (number, table) in tables.enumerated() {
        let ids = number * 100..<number * 100 + number + 1
        #expect(try await mesh.rows(of: table) == ids.map(row).sorted())
        let files = try await mesh.files(of: table)
        #expect(files.map(\.recordCount) == [Int64(number + 1)])
        #expect(files.allSatisfy { $0.path.hasPrefix(table.folder) })
      }
      try await mesh.expectClean()
    }
  }

  @Test func rowsKeepTheOrderOfTheirEvents() async throws {
    try await withMesh { mesh in
      let tables = try await makeTables(mesh)
      let ids = (0..<500).map { ($0 * 7_919) % 500 }
      var last: [(table: TableRecord, token: VisibilityToken)] = []
      for table in tables {
        let tokens = try await mesh.publish(table, ids.map(row))
        last.append((table, tokens.max() ?? .none))
      }
      try await carry(mesh, last, shared: 9)
      for table in tables {
        let files = try await mesh.files(of: table)
        #expect(files.count == 1)
        let path = mesh.store.localPath(of: files[0].path)
        let read = try await mesh.query("SELECT id FROM read_parquet('\(path)')")
        #expect(read.map { $0[0] } == ids.map(String.init))
      }
      try await mesh.expectClean()
    }
  }

  @Test func whatTheEngineRefusesIsADeadLetterOfItsOwnTenant() async throws {
    try await withMesh { mesh in
      // The edge lets no such price through; here it is planted behind it.
      func priced(_ id: Int, _ price: String) -> String { #"{"id":\#(id),"price":"\#(price)"}"# }
      let columns = [
        ColumnDefinition(name: "id", type: .bigint),
        ColumnDefinition(name: "price", type: .decimal(precision: 6, scale: 2)),
      ]
      var last: [(table: TableRecord, token: VisibilityToken)] = []
      for (number, tenant) in Self.tenants.enumerated() {
        let table = try await mesh.makeTable("prices", of: tenant, columns)
        let bad = number == 4 ? [priced(7, "not a price")] : []
        let tokens = try await mesh.publish(
          table, [priced(1, "12.25")] + bad + [priced(2, "0.75")])
        last.append((table, tokens.max() ?? .none))
      }
      // What is wrong is the matter of one of them, so each is tried by itself.
      try await carry(mesh, last, shared: 0, own: 9)
      for (number, (table, _)) in last.enumerated() {
        let expected = [#"{"id":1,"price":12.25}"#, #"{"id":2,"price":0.75}"#]
        #expect(try await mesh.rows(of: table) == expected)
        let letters = try await mesh.deadLetters(of: table)
        #expect(letters.map(\.reason) == (number == 4 ? ["CAST_FAILED"] : []))
        #expect(try await mesh.account(of: table).isBalanced)
      }
      try await mesh.expectClean()
    }
  }

  @Test func aTenantWhoseEventsTheEdgeHasRejectedGetsLettersAndNoFile() async throws {
    try await withMesh { mesh in
      let tables = try await makeTables(mesh)
      var last: [(table: TableRecord, token: VisibilityToken)] = []
      for (number, table) in tables.enumerated() {
        let tokens = try await mesh.publish(
          table, [row(1), row(2)],
          rejections: number == 2 ? [0: "bad", 1: "bad"] : number == 3 ? [1: "bad"] : [:])
        last.append((table, tokens.max() ?? .none))
      }
      try await carry(mesh, last, shared: 9)
      for (number, table) in tables.enumerated() {
        let kept = number == 2 ? [] : number == 3 ? [row(1)] : [row(1), row(2)]
        #expect(try await mesh.rows(of: table) == kept)
        #expect(try await mesh.files(of: table).count == (kept.isEmpty ? 0 : 1))
        #expect(try await mesh.deadLetters(of: table).count == 2 - kept.count)
      }
      try await mesh.expectClean()
    }
  }

  /// Two statements for what is too much for one, and one each for a batch that is not small.
  @Test func whatIsTooLargeIsWrittenApart() async throws {
    try await withMesh { mesh in
      let note = String(repeating: "n", count: 1_000)
      func long(_ id: Int) -> String { #"{"id":\#(id),"note":"\#(note)"}"# }
      var tables = try await makeTables(mesh)
      for tenant in Self.tenants.prefix(3) {
        tables.append(try await mesh.makeTable("second", of: tenant))
      }
      var last: [(table: TableRecord, token: VisibilityToken)] = []
      var counts: [Int] = []
      for (number, table) in tables.enumerated() {
        counts.append(number == 4 ? 1_025 : number == 5 ? 1_100 : 1_000)
        let events = (0..<counts[number]).map { number == 4 ? row($0) : long($0) }
        let tokens = try await mesh.publish(table, events)
        last.append((table, tokens.max() ?? .none))
      }
      try await carry(mesh, last, shared: 10, own: 2)
      for ((table, _), count) in zip(last, counts) {
        let files = try await mesh.files(of: table)
        #expect(files.map(\.recordCount) == [Int64(count)])
      }
      try await mesh.expectClean()
    }
  }

  /// A statement sets memory aside for each column of each of its files.
  @Test func whatIsTooWideIsWrittenApart() async throws {
    try await withMesh { mesh in
      func columns(_ count: Int) -> [ColumnDefinition] {
        [ColumnDefinition(name: "id", type: .bigint)]
          + (1..<count).map { ColumnDefinition(name: "note\($0)", type: .varchar) }
      }
      var last: [(table: TableRecord, token: VisibilityToken)] = []
      for (number, width) in ([129, 129] + Array(repeating: 128, count: 17)).enumerated() {
        let table = try await mesh.makeTable("wide", of: "tenant-\(number)", columns(width))
        let tokens = try await mesh.publish(table, [#"{"id":1,"note\#(width - 1)":"n"}"#])
        last.append((table, tokens.max() ?? .none))
      }
      // 2,048 columns, which are sixteen files; the seventeenth is alone with its statement.
      try await carry(mesh, last, shared: 16, own: 3)
      for (table, _) in last {
        #expect(try await mesh.files(of: table).map(\.recordCount) == [1])
      }
      try await mesh.expectClean()
    }
  }

  @Test func tablesThatLookDifferentAreWrittenEachAsTheyAre() async throws {
    try await withMesh { mesh in
      let columns = [
        ColumnDefinition(name: "id", type: .bigint), ColumnDefinition(name: "note", type: .varchar),
      ]
      let renamed = [
        ColumnDefinition(name: "note", type: .varchar), ColumnDefinition(name: "id", type: .bigint),
      ]
      let tables = [
        try await mesh.makeTable("plain", of: "a"), try await mesh.makeTable("plain", of: "b"),
        try await mesh.makeTable("keyed", of: "a", columns, key: ["id"]),
        try await mesh.makeTable("keyed", of: "b", columns, key: ["id"]),
        try await mesh.makeTable("turned", of: "c", renamed),
        try await mesh.makeTable("turned", of: "d", renamed),
      ]
      var last: [(table: TableRecord, token: VisibilityToken)] = []
      for table in tables {
        let tokens = try await mesh.publish(table, [row(1), row(1), row(2)])
        last.append((table, tokens.max() ?? .none))
      }
      try await carry(mesh, last, shared: 4, own: 2)
      for table in tables {
        let expected =
          table.name == "keyed"
          ? [row(1), row(2)]
          : table.name == "plain"
            ? [row(1), row(1), row(2)]
            : [1, 1, 2].map { #"{"note":"n\#($0)","id":\#($0)}"# }
        #expect(try await mesh.rows(of: table) == expected)
      }
      try await mesh.expectClean()
    }
  }
}
