import Catalog
import Coordinator
import DuckDB
import IngestBus
import Maintenance
import Model
import Query
import Runtime
import Testing

/// One random life of a keyed table and of one without a key, with restores and expiry.
struct HistoryRun: Sendable {
  struct Tally: Sendable, CustomStringConvertible {
    var operations = 0
    var restores = 0
    var feeds = 0
    var changes = 0

    static func + (left: Self, right: Self) -> Self {
      Self(
        operations: left.operations + right.operations, restores: left.restores + right.restores,
        feeds: left.feeds + right.feeds, changes: left.changes + right.changes)
    }

    var description: String {
      "\(operations) operations, \(restores) restores, \(feeds) feeds of \(changes) changes"
    }
  }

  private let mesh: Mesh
  private let keyed: TableRecord
  private let plain: TableRecord
  private let maintenance: MaintenanceService
  private var random: SeededGenerator
  private var nextID = 0
  /// What each snapshot showed when it was new, by table.
  private var shown: [SnapshotID: [TableID: [String]]] = [:]
  private(set) var tally = Tally()

  init(_ mesh: Mesh, seed: UInt64, layout: TableLayout = .unordered) async throws {
    self.mesh = mesh
    random = SeededGenerator(seed: seed)
    let columns = [
      ColumnDefinition(name: "id", type: .bigint), ColumnDefinition(name: "note", type: .varchar),
    ]
    keyed = try await mesh.makeTable("keyed", of: "acme", columns, key: ["id"], layout: layout)
    plain = try await mesh.makeTable("plain", of: "acme", columns, layout: layout)
    var limits = Limits.Maintenance()
    limits.mergeFanIn = 3
    maintenance = mesh.maintenance(limits)
  }

  mutating func run(operations: Int) async throws {
    try await remember()
    self = try await running(mesh.coordinator()) { [start = self] coordinator in
      var run = start
      while run.tally.operations < operations {
        run.tally.operations += 1
        try await run.step(coordinator)
        try await run.remember()
      }
      return run
    }
    try await check()
    for _ in 0..<2 {
      try await expire()
      try await check()
    }
    _ = try await maintenance.retainNow()
    let report = try await mesh.integrity()
    #expect(report.isClean, "\(report)")
  }

  private mutating func step(_ coordinator: Coordinator) async throws {
    switch random.below(100) {
    case ..<70: try await publish(coordinator)
    case ..<82: _ = try await maintenance.compactNow()
    case ..<94: try await restore(coordinator)
    default: try await dropAndRestore()
    }
  }

  private mutating func publish(_ coordinator: Coordinator) async throws {
    let table = random.chance(60) ? keyed : plain
    let records = (0...random.below(9)).map { _ in
      nextID += 1
      let id = table.id == keyed.id ? random.below(25) : nextID
      let isDelete = table.id == keyed.id && random.chance(25)
      return EventRecord(
        operation: isDelete ? .delete : table.id == keyed.id ? .upsert : .insert,
        idempotencyKey: Array(RandomHex.digits(32).utf8),
        payload: Array(#"{"id":\#(id),"note":"n\#(nextID)"}"#.utf8))
    }
    let last = try #require(try await mesh.publish(table, records: records).tokens.last)
    coordinator.published(tenant: table.tenant, head: last, bytes: 1_000)
    try await mesh.wait(table, last)
  }

  private mutating func restore(_ coordinator: Coordinator) async throws {
    let snapshots = try await mesh.catalog.snapshots(
      tenant: keyed.tenant, before: nil, limit: 10_000
    ).map(\.id).filter { shown[$0]?.count == 2 }
    guard !snapshots.isEmpty else { return }
    let source = snapshots[random.below(snapshots.count)]
    let names = [nil, ["keyed"], ["PLAIN"]][random.below(3)]
    let before = try await mesh.catalog.latestSnapshot(tenant: keyed.tenant)
    let summary = try await maintenance.restore(source, names: names, tenant: keyed.tenant)
    tally.restores += 1
    let made = try await mesh.catalog.snapshot(summary.commit.snapshot, tenant: keyed.tenant)
    #expect(made.restoredFrom == source && made.watermark == before.watermark)
    for table in [keyed, plain]
    where names?.contains(where: { $0.lowercased() == table.name }) ?? true {
      #expect(try await mesh.rows(of: table, at: made.id) == shown[source]?[table.id])
    }
  }

  private mutating func dropAndRestore() async throws {
    let table = random.chance(50) ? keyed : plain
    let source = try await mesh.catalog.latestSnapshot(tenant: table.tenant).id
    _ = try await mesh.catalog.dropTable(named: table.name, tenant: table.tenant)
    try await remember()
    let summary = try await maintenance.restore(
      source, names: [table.name], tenant: table.tenant)
    tally.restores += 1
    #expect(try await mesh.rows(of: table, at: summary.commit.snapshot) == shown[source]?[table.id])
  }

  /// Some snapshots go, from anywhere.
  private mutating func expire() async throws {
    let ids = try await mesh.catalog.snapshotStubs(after: nil, limit: 100_000).map(\.id)
    var leaving: [SnapshotID] = []
    for id in ids where random.chance(35) { leaving.append(id) }
    _ = try await mesh.catalog.expireSnapshots(leaving)
  }

  private mutating func remember() async throws {
    let newest = try await mesh.catalog.latestSnapshot(tenant: keyed.tenant).id
    guard shown[newest] == nil else { return }
    let tables = try await mesh.catalog.manifests(tenant: keyed.tenant, names: nil, at: newest)
    var rows: [TableID: [String]] = [:]
    for manifest in tables {
      rows[manifest.table.id] = try await mesh.rows(of: manifest.table, at: newest)
    }
    shown[newest] = rows
  }

  /// Every snapshot that is kept, and the changes of some ranges.
  private mutating func check() async throws {
    let kept = try await mesh.catalog.snapshots(
      tenant: keyed.tenant, before: nil, limit: 10_000
    ).map(\.id).reversed().filter { shown[$0]?.count == 2 }
    for table in [keyed, plain] {
      for id in kept {
        #expect(
          try await mesh.rows(of: table, at: id) == shown[id]?[table.id], "snapshot \(id.rawValue)")
      }
      guard kept.count > 1 else { continue }
      for _ in 0..<4 {
        let from = random.below(kept.count)
        try await check(table, from: kept[from], to: kept[from + random.below(kept.count - from)])
      }
      try await check(table, from: kept[0], to: kept[kept.count - 1])
    }
  }

  /// Takes the changes one snapshot after the other from what the one before the range shows: each
  /// must lead to what the next one shows.
  private mutating func check(
    _ table: TableRecord, from: SnapshotID, to: SnapshotID
  ) async throws {
    guard let base = try await mesh.catalog.snapshot(before: from) else { return }
    let changes = try await mesh.changes(of: table, after: base, through: to)
    tally.feeds += 1
    tally.changes += changes.count
    var rows = try await mesh.rows(of: table, at: base)
    let range = try await mesh.catalog.snapshotStubs(after: base, limit: 100_000).map(\.id)
      .filter { $0 <= to }
    #expect(Set(changes.map(\.snapshot)).isSubset(of: range.map(\.rawValue)))
    for id in range {
      let told = changes.filter { $0.snapshot == id.rawValue }
      let (gone, came) = (told.filter(\.isOld), told.filter { !$0.isOld })
      // No row comes and goes at once.
      #expect(Set(gone.map(\.identity)).isDisjoint(with: came.map(\.identity)))
      for change in gone {
        guard let place = rows.firstIndex(of: change.row) else {
          Issue.record("a row went that was not there: \(change) after \(base.rawValue)")
          return
        }
        rows.remove(at: place)
      }
      rows = (rows + came.map(\.row)).sorted()
      #expect(
        try await mesh.rows(of: table, at: id) == rows,
        "changes after \(base.rawValue) up to \(id.rawValue)")
      // An update has two sides of one key.
      let sides = Dictionary(grouping: told.filter { $0.type.hasPrefix("update") }, by: \.key)
      #expect(sides.values.allSatisfy { Set($0.map(\.type)).count == 2 && $0.count == 2 })
      #expect(table.definition.isKeyed || sides.isEmpty)
    }
  }
}

/// One line of a feed.
struct ToldChange: Sendable {
  let snapshot: Int64
  let rowID: Int64
  let type: String
  let key: String
  let row: String

  var isOld: Bool { type == "delete" || type == "update_preimage" }
  var identity: String { "\(rowID) \(row)" }
}

extension Mesh {
  /// The changes of a table, read as a query worker reads them.
  func changes(
    of table: TableRecord, after base: SnapshotID, through last: SnapshotID
  ) async throws -> [ToldChange] {
    let kept = try await catalog.snapshotStubs(after: base, limit: 100_000).map(\.id)
      .filter { $0 <= last }
    let changes = ChangesSQL(
      table: table, base: base, kept: kept,
      files: try await catalog.changedFiles(of: table.id, after: base, through: last),
      localPath: store.localPath(of:))
    let relation = changes.relation
    let made = ["_dl_kept", "_dl_dead", "_dl_balance", "_dl_updated"]
    return try await engine.withConnection { (connection) throws(DuckDBError) in
      try connection.execute("DROP VIEW IF EXISTS _dl_told")
      try connection.execute("DROP VIEW IF EXISTS _dl_events")
      for name in made { try connection.execute("DROP TABLE IF EXISTS \(name)") }
      for statement in relation.setup { try connection.execute(statement) }
      return try connection.query(
        """
        SELECT _snapshot_id, _row_id, _change_type, id::VARCHAR AS key,
          to_json({'id': id, 'note': note})::VARCHAR AS row
        FROM (\(relation.select))
        """, maximumRows: 1_000_000
      ).rows.map { row in
        ToldChange(
          snapshot: row[0].int64 ?? -1, rowID: row[1].int64 ?? -1, type: row[2].string ?? "",
          key: row[3].string ?? "", row: row[4].string ?? "")
      }
    }
  }
}
