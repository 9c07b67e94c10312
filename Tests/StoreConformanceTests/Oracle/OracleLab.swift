import Catalog
import Consistency
import IngestBus
import Model
import Testing

/// What every table held right after a snapshot.
struct Step {
  let snapshot: SnapshotID
  let time: Timestamp
  let rows: [String: [DuckLakeOracle.Row]?]
}

/// A lab whose files are real Parquet files.
final class OracleLab {
  let lab: Lab
  let backend: any OracleBackend
  let events: TableRecord
  let visits: TableRecord
  private let owner = OwnerID("oracle")
  private var rows: [TableID: [DuckLakeOracle.Row]] = [:]
  private var addedBy: [TableID: [SnapshotID]] = [:]

  init(_ lab: Lab, _ backend: any OracleBackend) async throws {
    self.lab = lab
    self.backend = backend
    events = try await lab.makeTable(of: "acme")
    visits = try await lab.makeTable("Visits", try await lab.makeTenant("globex"))
  }

  /// A few commits, with every snapshot's content remembered.
  func history(tables: [String]) async throws -> [Step] {
    var steps = [try await step()]
    for round in 0..<3 {
      let base = Int64(round * 10)
      try await commit([(events, [.init(base + 1, "a\(round)"), .init(base + 2, nil)])])
      steps.append(try await step())
      lab.clock.advanceWall(milliseconds: round == 1 ? -5_000 : 1)
    }
    try await commit([
      (events, [.init(-7, "it's \"quoted\" \u{1F986}")]),
      (visits, [.init(.max, ""), .init(1, "x")]),
    ])
    steps.append(try await step())
    return steps
  }

  func step() async throws -> Step {
    let stub = try #require(
      try await lab.catalog.snapshotStubs(after: nil, limit: 1_000).last)
    var now: [String: [DuckLakeOracle.Row]?] = [:]
    for (name, table) in [("acme.events", events), ("globex.Visits", visits)] {
      let live = try await lab.catalog.table(named: table.name, tenant: table.tenant) != nil
      now[name] = .some(live ? (rows[table.id] ?? []).sorted { $0.id < $1.id } : nil)
    }
    return Step(snapshot: stub.id, time: stub.time, rows: now)
  }

  func commit(_ new: [(table: TableRecord, rows: [DuckLakeOracle.Row])]) async throws {
    for (table, rows) in new {
      _ = try await lab.publish([
        Draft(table, rows.map { TestEvent("\(table.name)-\($0.id)", "\($0.note ?? "null")") })
      ])
    }
    let claims = try await lab.claim(owner, new.map(\.table.tenant).sorted())
    var files: [NewDataFile] = []
    for (table, rows) in new {
      files.append(try await DuckLakeOracle.write(rows, of: table, lake: backend.lakeFolder))
    }
    let receipt = try await lab.catalog.commit(
      EventCommit(
        id: .random(), owner: owner, fences: claims.map(\.fence),
        tables: new.map { CommittedTable(table: $0.table.id, schemaVersion: 1) }, files: files,
        ledger: new.map {
          NewLedgerRow(
            tenant: $0.table.tenant, table: $0.table.id,
            counts: LedgerCounts(inserted: Int64($0.rows.count)))
        }, deadLetters: []))
    for (table, rows) in new {
      self.rows[table.id, default: []] += rows
      addedBy[table.id, default: []] += rows.map { _ in receipt.snapshot }
    }
  }

  /// Another program's commit of the rows to `events`.
  func insertFromOutside(_ new: [DuckLakeOracle.Row], extra: String?) async throws {
    try await DuckLakeOracle.insert(
      .init(
        catalog: backend.oracleCatalog, table: "acme.events", rows: new, extra: extra, times: 1))
    let newest = try #require(try await lab.catalog.snapshotStubs(after: nil, limit: 1_000).last)
    rows[events.id, default: []] += new
    addedBy[events.id, default: []] += new.map { _ in newest.id }
  }

  func merge(_ table: TableRecord) async throws {
    let inputs = try await lab.catalog.liveFiles(of: table.id).map(\.file)
    let all = try #require(rows[table.id])
    let added = try #require(addedBy[table.id])
    let output = try await DuckLakeOracle.write(
      all, history: added.enumerated().map { [$1.rawValue, Int64($0)] }, of: table,
      lake: backend.lakeFolder)
    let epoch = try #require(
      try await lab.catalog.leaseTable(table.id, owner: owner, leaseMs: 1_000))
    _ = try await lab.catalog.commit(
      MergeCommit(
        id: .random(), owner: owner, epoch: epoch, table: table.id, inputs: inputs,
        output: output, rowIDStart: 0))
  }

  func checkOracle(
    _ history: [Step], sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let answer = try await DuckLakeOracle.read(
      catalog: backend.oracleCatalog, tables: ["acme.events", "globex.Visits"])
    let found = Dictionary(
      uniqueKeysWithValues: answer.snapshots.map { (SnapshotID($0.snapshot), $0) })
    for step in history {
      let snapshot = try #require(found[step.snapshot], sourceLocation: sourceLocation)
      #expect(
        snapshot.timeMicroseconds == step.time.microseconds, sourceLocation: sourceLocation)
      for (table, rows) in step.rows {
        #expect(
          snapshot.tables[table] == .some(rows), "\(table) at \(step.snapshot.rawValue)",
          sourceLocation: sourceLocation)
      }
    }
    #expect(answer.newest == history.last?.rows, sourceLocation: sourceLocation)
  }
}

/// A store whose catalog and files the official extension can open.
protocol OracleBackend: StoreBackend {
  var lakeFolder: String { get }
  /// As the oracle attaches it.
  var oracleCatalog: String { get }
}

extension SQLiteBackend: OracleBackend {
  var oracleCatalog: String { "sqlite:" + databasePath }
}

extension PostgreSQLBackend: OracleBackend {
  var oracleCatalog: String { "postgres:" + database.connection }
}

struct OracleKind: Sendable, CustomTestStringConvertible {
  let name: String
  let make: @Sendable (TestClock) async throws -> any OracleBackend
  var testDescription: String { name }
}

enum OracleBackends {
  static let all = [
    OracleKind(name: "SQLite") { clock in try await SQLiteBackend(clock: clock) }, postgreSQL,
  ]

  static let postgreSQL = OracleKind(name: "PostgreSQL") { clock in
    let backend = try await PostgreSQLBackend(clock: clock, hasFiles: true)
    // The copied catalog names no folder that is there.
    try await backend.damage(
      "UPDATE ducklake_metadata SET value = '' WHERE key = 'data_path'")
    return backend
  }
}

func withOracleLab(_ kind: OracleKind, _ body: (OracleLab) async throws -> Void) async throws {
  let clock = TestClock()
  let backend = try await kind.make(clock)
  do {
    let lab = Lab(
      backend: backend, clock: clock, store: try await backend.open(), lake: TokenLake())
    try await body(try await OracleLab(lab, backend))
  } catch {
    await backend.remove()
    throw error
  }
  await backend.remove()
}
