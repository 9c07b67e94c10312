import Catalog
import DuckDB
import Model
import Query
import Runtime
import Testing
import WorkerProtocol

/// Which files a statement's conditions leave out: never one with a row that the engine finds.
@Suite struct FilePruningTests {
  private static let columns = [
    ColumnDefinition(name: "n", type: .bigint), ColumnDefinition(name: "s", type: .varchar),
    ColumnDefinition(name: "d", type: .date), ColumnDefinition(name: "t", type: .timestamp),
    ColumnDefinition(name: "z", type: .timestampTZ), ColumnDefinition(name: "u", type: .uuid),
    ColumnDefinition(name: "empty", type: .bigint),
  ]

  private static func payload(_ id: Int) -> String {
    let moment =
      "20\(10 + id % 15)-\(id % 2 == 0 ? "01" : "11")-03T0\(id % 10):00:00.\(id % 7)"
    return """
      {"n":\(id * 7 - 300),"s":"\(["", "a", "ä", "Z", "aa"][id % 5])\(id % 11)",\
      "d":"\(moment.prefix(10))","t":"\(moment)","z":"\(moment)Z",\
      "u":"\(id % 10)0000000-0000-4000-8000-00000000000\(id % 8)"}
      """
  }

  /// A column, a constant in SQL, and the same as a worker tells of it.
  private static let constants: [(column: String, sql: String, constant: ScanConstant)] =
    [-301, -300, 0, 7, 8, 400, 100_000].map { ("n", "\($0)", .integer("\($0)")) }
    + ["", "a", "a3", "ä1", "Z", "aa10", "\u{1F986}"].map { ("s", "'\($0)'", .text($0)) }
    + ["2009-01-01", "2013-01-03", "2024-11-03", "2013-01-03 05:00:00", "infinity"].flatMap {
      [("d", "'\($0)'", .text($0)), ("t", "'\($0)'", .text($0)), ("z", "'\($0)'", .text($0))]
    }
    + ["2013-01-03", "2018-06-01"].flatMap { day in
      ["d", "t", "z"].map { ($0, "DATE '\(day)'", .typed(text: day, type: "DATE")) }
    }
    + ["2013-01-03 00:00:00", "2013-01-03 03:00:00.5", "2016-01-01T10:00:00"].flatMap { time in
      ["d", "t", "z"].map { ($0, "TIMESTAMP '\(time)'", .typed(text: time, type: "TIMESTAMP")) }
    }
    + ["2013-01-03T03:00:00Z", "2013-01-03 05:00:00+02"].flatMap { time in
      [
        ("z", "'\(time)'", .text(time)),
        ("z", "TIMESTAMPTZ '\(time)'", .typed(text: time, type: "TIMESTAMPTZ")),
      ]
    }
    + ["10000000-0000-4000-8000-000000000001", "F0000000-0000-4000-8000-000000000001"].map {
      ("u", "'\($0)'", .text($0))
    } + [("empty", "1", .integer("1"))]

  private static let comparisons: [(sql: String, comparison: ScanFilter.Comparison)] = [
    ("=", .isIn), ("<", .isLess), ("<=", .isLessOrEqual), (">", .isGreater),
    (">=", .isGreaterOrEqual),
  ]

  private static func count(
    _ mesh: Mesh, _ manifest: TableManifest, where condition: String
  ) async throws -> String? {
    let relation = RelationSQL(manifest: manifest, localPath: mesh.store.localPath(of:)).relation
    return try await mesh.engine.withConnection { (connection) throws(DuckDBError) in
      try connection.query(
        "SELECT count(*)::VARCHAR FROM (\(relation.select)) WHERE \(condition)"
      ).rows[0][0].string
    }
  }

  @Test(arguments: MeshStore.Kind.allCases)
  func noFileIsLeftOutInWhichTheEngineFindsARow(kind: MeshStore.Kind) async throws {
    try await withMesh(over: kind) { mesh in
      let layout = TableLayout(
        partitioning: [
          .init("s", .bucket(count: 3)), .init("t", .month), .init("u", .bucket(count: 2)),
        ],
        sortOrder: [.init("n")])
      let table = try await mesh.makeTable("facts", of: "acme", Self.columns, layout: layout)
      try await running(mesh.coordinator()) { coordinator in
        try await mesh.wait(
          table,
          try await mesh.publish(table, (0..<120).map(Self.payload), telling: coordinator))
      }
      let snapshot = try await mesh.catalog.latestSnapshot(tenant: table.tenant).id
      let whole = try #require(
        try await mesh.catalog.manifests(tenant: table.tenant, names: ["facts"], at: snapshot)
          .first)
      #expect(whole.files.count >= 10)
      var left: [String: Int] = [:]
      for constant in Self.constants {
        for comparison in Self.comparisons {
          let filter = ScanFilter(
            table: "FACTS", column: constant.column.uppercased(),
            comparison: comparison.comparison, constants: [constant.constant])
          let pruning = FilePruning(whole.table, filters: [filter], timeZone: "UTC")
          guard !pruning.isEmpty else { continue }
          let statistics = try await mesh.catalog.fileStatistics(
            of: table.id, columns: pruning.columnIDs, at: snapshot)
          let files = whole.files.filter { pruning.keeps($0, statistics[$0.id] ?? []) }
          let condition = "\(constant.column) \(comparison.sql) \(constant.sql)"
          let found = try await Self.count(mesh, whole, where: condition)
          let pruned = TableManifest(table: whole.table, snapshot: snapshot, files: files)
          #expect(
            try await Self.count(mesh, pruned, where: condition) == found, "\(condition)")
          left[constant.column, default: 0] += whole.files.count - files.count
        }
      }
      for column in Self.columns.map(\.name) {
        #expect(left[column, default: 0] > 0, "\(column) prunes nothing")
      }
    }
  }

  @Test func aTextIsReadInTheTimeZoneOfTheSession() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable("facts", of: "acme", Self.columns)
      func isUsed(_ constant: ScanConstant, _ timeZone: String) -> Bool {
        !FilePruning(
          table,
          filters: [
            ScanFilter(table: "facts", column: "z", comparison: .isLess, constants: [constant])
          ], timeZone: timeZone
        ).isEmpty
      }
      let local: [ScanConstant] = [
        .text("2013-01-03"), .text("2013-01-03 10:00:00"),
        .typed(text: "2013-01-03", type: "DATE"),
        .typed(text: "2013-01-03 10:00:00", type: "TIMESTAMP"),
      ]
      for constant in local {
        #expect(isUsed(constant, "UTC") && !isUsed(constant, "Europe/Berlin"), "\(constant)")
      }
      #expect(isUsed(.text("2013-01-03T10:00:00Z"), "Europe/Berlin"))
      #expect(!isUsed(.text("yesterday"), "UTC") && !isUsed(.integer("5"), "UTC"))
    }
  }
}
