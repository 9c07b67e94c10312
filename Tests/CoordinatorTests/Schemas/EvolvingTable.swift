import Catalog
import Coordinator
import DuckDB
import Model
import Query
import TestSupport
import Testing

/// A table that is altered ten times, with payloads for each of its versions.
struct EvolvingTable {
  struct Step {
    let columns: [ColumnDefinition]
    var renamed: [String: String] = [:]
    var mode: CompatibilityMode = .backward
    /// Records that the edge would take under this version.
    let payloads: [String]
  }

  /// What a column is called and what it is, with `!` where it takes no null.
  private static func column(
    _ text: String, _ value: String? = nil
  ) throws -> ColumnDefinition {
    let parts = text.split(separator: " ", maxSplits: 1)
    return ColumnDefinition(
      name: String(parts[0]), type: try ColumnType(sql: String(parts[1].filter { $0 != "!" })),
      isNullable: !text.hasSuffix("!"), defaultValue: value.map { ColumnDefault(catalogText: $0) })
  }

  /// The first version, and those that follow.
  static func steps() throws -> [Step] { try earlySteps() + lateSteps() }

  private static func earlySteps() throws -> [Step] {
    [
      Step(
        columns: [
          try column("id INTEGER!"), try column("note TEXT"), try column("day DATE"),
          try column("price DECIMAL(4,1)"), try column("small TINYINT", "7"),
        ],
        payloads: [
          #"{"id":-2147483648,"note":"it's \"1\"","day":"2024-02-29","price":"-999.9"}"#,
          #"{"id":1,"small":-128}"#, #"{"id":2,"note":null,"price":0.5,"small":null}"#,
        ]),
      // Added with a default, in the middle; and nullable.
      Step(
        columns: [
          try column("id INTEGER!"), try column("kind TEXT!", "it's new"), try column("note TEXT"),
          try column("day DATE"), try column("price DECIMAL(4,1)"),
          try column("small TINYINT", "7"),
          try column("extra JSON"),
        ], payloads: [#"{"id":10,"extra":"{\"a\": [1]}"}"#, #"{"id":11,"kind":"b","note":"n"}"#]),
      // The default of what was added changes: older rows keep the first one.
      Step(
        columns: [
          try column("id INTEGER!"), try column("kind TEXT!", "later"), try column("note TEXT"),
          try column("day DATE"), try column("price DECIMAL(4,1)"),
          try column("small TINYINT", "9"),
          try column("extra JSON"),
        ], payloads: [#"{"id":20}"#, #"{"id":21,"day":"1969-12-31"}"#]),
      // Widened, all that can be.
      Step(
        columns: [
          try column("id BIGINT!"), try column("kind TEXT!", "later"), try column("note TEXT"),
          try column("day TIMESTAMP"), try column("price DECIMAL(9,2)"),
          try column("small DOUBLE", "9"), try column("extra JSON"),
        ],
        payloads: [
          #"{"id":9007199254740993,"day":"2024-02-29T12:00:00.5","price":"1.25","small":0.5}"#
        ]),
      // Renamed, two of them with each other.
      Step(
        columns: [
          try column("key BIGINT!"), try column("note TEXT!", "later"), try column("kind TEXT"),
          try column("day TIMESTAMP"), try column("price DECIMAL(9,2)"),
          try column("small DOUBLE", "9"), try column("extra JSON"),
        ], renamed: ["key": "id", "note": "kind", "kind": "note"],
        payloads: [#"{"key":40,"note":"was kind","kind":"was note"}"#]),
    ]
  }

  private static func lateSteps() throws -> [Step] {
    [
      // Dropped.
      Step(
        columns: [
          try column("key BIGINT!"), try column("note TEXT!", "later"), try column("day TIMESTAMP"),
          try column("price DECIMAL(9,2)"), try column("small DOUBLE", "9"),
        ], payloads: [#"{"key":50,"price":3}"#, #"{"key":51,"small":null}"#]),
      // A dropped name comes back with another type.
      Step(
        columns: [
          try column("key BIGINT!"), try column("note TEXT!", "later"), try column("day TIMESTAMP"),
          try column("price DECIMAL(9,2)"), try column("small DOUBLE", "9"),
          try column("kind UUID", "6ccd780c-baba-1026-9564-5b8c656024db"),
        ], payloads: [#"{"key":60}"#, #"{"key":61,"kind":null}"#]),
      // Another order, and a column that may be null now.
      Step(
        columns: [
          try column("kind UUID", "6ccd780c-baba-1026-9564-5b8c656024db"),
          try column("note TEXT", "later"), try column("key BIGINT!"),
          try column("small DOUBLE", "9"), try column("day TIMESTAMP"),
          try column("price DECIMAL(9,2)"),
        ], payloads: [#"{"key":70,"note":null}"#]),
      // Wider once more, and a default goes.
      Step(
        columns: [
          try column("kind UUID", "6ccd780c-baba-1026-9564-5b8c656024db"), try column("note TEXT"),
          try column("key DECIMAL(38,2)!"), try column("small DOUBLE"), try column("day TIMESTAMP"),
          try column("price DECIMAL(38,5)"),
          try column("at TIMESTAMPTZ", "2024-01-01 00:00:00+00"),
        ], payloads: [#"{"key":"80.25","price":"0.00001"}"#]),
      // Replaced: the old values are not shown any more.
      Step(
        columns: [
          try column("kind UUID", "6ccd780c-baba-1026-9564-5b8c656024db"),
          try column("note BIGINT", "5"), try column("key DECIMAL(38,2)!"),
          try column("small DOUBLE"), try column("day TIMESTAMP"),
          try column("price DECIMAL(38,5)"),
          try column("at TIMESTAMPTZ", "2024-01-01 00:00:00+00"),
        ], mode: .none, payloads: [#"{"key":90,"note":6}"#, #"{"key":91}"#]),
      Step(
        columns: [
          try column("note BIGINT", "5"), try column("KEY DECIMAL(38,2)!"),
          try column("at TIMESTAMPTZ", "2024-01-01 00:00:00+00"),
        ], renamed: ["KEY": "key"], payloads: [#"{"KEY":100,"at":"2024-02-29T12:00:00Z"}"#]),
    ]
  }
}

extension Mesh {
  func evolve(
    _ table: TableRecord, to step: EvolvingTable.Step
  ) async throws -> TableRecord {
    let evolution = try SchemaEvolution(
      of: table,
      to: ProposedSchema(
        schema: try TableSchema(columns: step.columns), renamedFrom: step.renamed),
      mode: step.mode)
    return try await catalog.alterTable(evolution.alteration)
  }

  /// Every value of a table as text, read as a query worker reads it.
  func texts(of table: TableRecord, at snapshot: SnapshotID) async throws -> [[String?]] {
    let manifests = try await catalog.manifests(
      tenant: table.tenant, names: [table.name], at: snapshot)
    guard let manifest = manifests.first else { return [] }
    let relation = RelationSQL(manifest: manifest, localPath: store.localPath(of:)).relation
    return try await engine.withConnection { (connection) throws(DuckDBError) in
      try connection.execute("SET TimeZone = 'UTC'")
      for statement in relation.setup { try connection.execute(statement) }
      return try connection.query(
        "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (\(relation.select)) ORDER BY ALL",
        maximumRows: 1_000_000
      ).rows.map { $0.map(\.string) }
    }
  }

  /// The same by the official extension, at each of the snapshots.
  func officialTexts(
    of table: TableRecord, at snapshots: [SnapshotID], merging: Bool = false
  ) async throws -> [[[String?]]] {
    let name = opened.officialName
    let reader = OfficialReader(
      catalog: name.hasPrefix("sqlite:") ? String(name.dropFirst(7)) : name, schema: "acme")
    return try await reader.ask(
      snapshots.map {
        .init(
          sql: "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {table:\(table.name)} ORDER BY ALL",
          snapshot: $0.rawValue)
      }, merging: merging)
  }
}
