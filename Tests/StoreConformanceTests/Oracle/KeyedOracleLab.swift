import Catalog
import Consistency
import IngestBus
import Model
import Testing

/// A keyed table whose data files and delete files are real Parquet files. The note of each row
/// names the token that put it there.
final class KeyedOracleLab {
  static let name = "acme.items"

  let lab: Lab
  let backend: any OracleBackend
  let table: TableRecord
  /// What the table showed right after each snapshot, by id.
  private(set) var states: [(snapshot: SnapshotID, rows: [Int64: String])] = []
  private let owner = OwnerID("oracle")
  private var rows: [Int64: String] = [:]
  private var nextToken: Int64 = 1

  init(_ lab: Lab, _ backend: any OracleBackend) async throws {
    self.lab = lab
    self.backend = backend
    table = try await lab.makeKeyedTable(of: "acme")
    try await remember()
  }

  private func remember() async throws {
    let newest = try #require(try await lab.catalog.snapshotStubs(after: nil, limit: 1_000).last)
    states.append((newest.id, rows))
  }

  func forget(_ leaving: Set<SnapshotID>) { states.removeAll { leaving.contains($0.snapshot) } }

  /// One commit of events `put ID` and `del ID`.
  func commit(_ payloads: String...) async throws {
    try await publish(payloads)
    try await commitPending()
    try await remember()
  }

  /// Publishes events, which a later commit makes visible.
  func publish(_ payloads: [String]) async throws {
    for payload in payloads {
      let id = try #require(Int64(payload.dropFirst(4)))
      rows[id] = payload.hasPrefix("del ") ? nil : "t\(nextToken)"
      nextToken += 1
    }
    try await lab.publish(table, payloads: payloads)
  }

  /// Commits what is pending, and looks for its keys again as often as somebody changes the table.
  ///
  /// - Parameter meanwhile: runs between the first look for keys and the commit.
  /// - Returns: how often it was refused.
  @discardableResult
  func commitPending(meanwhile: () async throws -> Void = {}) async throws -> Int {
    let claims = try await lab.claim(owner, [table.tenant])
    var commit = try await materialise(claims)
    try await meanwhile()
    var refusals = 0
    while try await !isApplied(commit) {
      refusals += 1
      commit = try await materialise(claims)
    }
    return refusals
  }

  private func isApplied(_ commit: EventCommit) async throws -> Bool {
    do {
      _ = try await lab.catalog.commit(commit)
    } catch {
      guard error == .tablesChanged([table.id]) else { throw error }
      return false
    }
    return true
  }

  private func materialise(_ claims: [TenantClaim]) async throws -> EventCommit {
    let planned = try await plan(claims)
    let live = try await lab.catalog.liveFiles(of: table.id).map(\.file)
    let pathOfFile = Dictionary(uniqueKeysWithValues: live.map { ($0.id, $0.path) })
    var files: [NewDataFile] = []
    for file in planned.files { files.append(try await write(file, rowIDs: nil)) }
    var deletes: [NewDeleteFile] = []
    for file in planned.deletes {
      deletes.append(try await write(file, over: pathOfFile[file.dataFile] ?? ""))
    }
    return planned.replacing(files: files, deletes: deletes)
  }

  /// Plans with what other programs have written by then.
  private func plan(_ claims: [TenantClaim]) async throws -> EventCommit {
    while true {
      try await syncLake()
      do {
        return try await lab.materialiseKeyed(claims, owner: owner)
      } catch is MissingFile {
        // Another program has committed since; what it wrote is learned next.
        continue
      }
    }
  }

  /// Rewrites all files as one, with their row ids.
  ///
  /// - Parameter late: `del ID` events that are committed while the output is being written.
  func rewrite(late: String...) async throws {
    try await syncLake()
    let epoch = try await lab.leased(table, owner)
    var plan = try await lab.planRewrite(table, owner: owner, epoch: epoch)
    var ids: [Int64] = []
    for input in plan.inputs {
      let start = try #require(input.rowIDStart)
      let deleted = try lab.deletedPositions(of: input)
      ids += (0..<Int(input.recordCount)).filter { !deleted.contains($0) }
        .map { start + Int64($0) }
    }
    let planned = try #require(plan.output)
    let kept = try #require(lab.lake.rows(at: planned.name))
    let output = try await write(planned, rowIDs: ids)
    var deletes: NewDeleteFile?
    if !late.isEmpty {
      for event in late { try await commit(event) }
      let gone = Set(
        kept.indices.filter { index in late.contains("del \(kept[index].key ?? "")") })
      let file = lab.writeDeletes(gone, over: 0, of: table.id)
      deletes = try await write(file, over: table.folder + output.name)
      let inputs = try await lab.catalog.liveFiles(of: table.id).map(\.file)
        .filter { file in plan.inputs.contains { $0.id == file.id } }
      plan = RewriteCommit(
        id: .random(), owner: owner, epoch: epoch, table: table.id, schemaVersion: 1,
        inputs: inputs, output: output)
    }
    _ = try await lab.catalog.commit(
      RewriteCommit(
        id: plan.id, owner: owner, epoch: epoch, table: table.id, schemaVersion: 1,
        inputs: plan.inputs, output: output, outputDeletes: deletes))
    try await lab.catalog.releaseTable(table.id, owner: owner, epoch: epoch)
    try await remember()
  }

  /// Lets another program work on the lake, one snapshot or none a statement.
  func outside(
    _ statements: [String], sets changes: [Int64: String] = [:], removes removed: [Int64] = []
  ) async throws {
    for statement in statements {
      try await DuckLakeOracle.execute(catalog: backend.oracleCatalog, [statement])
    }
    for (id, note) in changes { rows[id] = note }
    for id in removed { rows[id] = nil }
    let newest = try #require(try await lab.catalog.snapshotStubs(after: nil, limit: 1_000).last)
    if newest.id != states.last?.snapshot { states.append((newest.id, rows)) }
  }

  private func write(_ planned: NewDataFile, rowIDs: [Int64]?) async throws -> NewDataFile {
    let rows = try #require(lab.lake.rows(at: planned.name))
    return try await DuckLakeOracle.write(
      rows.enumerated().map { index, row in
        DuckLakeOracle.KeyedRow(
          id: Int64(row.key ?? "") ?? 0, note: "t\(row.token)", token: row.token,
          rowID: rowIDs?[index])
      }, as: planned, of: table, lake: backend.lakeFolder)
  }

  private func write(
    _ planned: NewDeleteFile, over dataPath: String
  ) async throws -> NewDeleteFile {
    try await DuckLakeOracle.write(
      try #require(lab.lake.deleted(at: planned.name)), over: dataPath, as: planned, of: table,
      lake: backend.lakeFolder)
  }

  /// Learns what other programs have written.
  private func syncLake() async throws {
    for file in try await lab.catalog.liveFiles(of: table.id).map(\.file) {
      let names = [file.path, file.deletes?.path].map { $0?.split(separator: "/").last ?? "" }
      let isKnown =
        lab.lake.rows(at: String(names[0])) != nil
        && (file.deletes == nil || lab.lake.deleted(at: String(names[1])) != nil)
      guard !isKnown else { continue }
      let content = try await DuckLakeOracle.content(of: file, lake: backend.lakeFolder)
      lab.lake.write(
        rows: content.rows.map { row in
          .init(
            token: Int64((row.note ?? "").dropFirst()) ?? 0, addedBy: nil, key: "\(row.id)")
        }, to: String(names[0]))
      if file.deletes != nil {
        lab.lake.write(deleted: Set(content.positions), to: String(names[1]))
      }
    }
  }

  /// The rows that the official extension shows now, as `ID NOTE`.
  func shown() async throws -> [String] {
    let answer = try await DuckLakeOracle.read(
      catalog: backend.oracleCatalog, tables: [Self.name])
    let rows = try #require(answer.newest[Self.name] ?? nil)
    return rows.map { "\($0.id) \($0.note ?? "")" }.sorted()
  }

  func checkRows(sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let answer = try await DuckLakeOracle.read(
      catalog: backend.oracleCatalog, tables: [Self.name])
    let found = Dictionary(
      uniqueKeysWithValues: answer.snapshots.map { (SnapshotID($0.snapshot), $0) })
    func list(_ rows: [Int64: String]) -> [DuckLakeOracle.Row] {
      rows.sorted { $0.key < $1.key }.map { .init($0.key, $0.value) }
    }
    for (snapshot, rows) in states {
      let shown = try #require(found[snapshot], sourceLocation: sourceLocation)
      #expect(
        shown.tables[Self.name] == .some(list(rows)), "at \(snapshot.rawValue)",
        sourceLocation: sourceLocation)
    }
    #expect(
      answer.newest[Self.name] == .some(list(states.last?.rows ?? [:])),
      sourceLocation: sourceLocation)
  }

  /// The change feed of each snapshot by itself says what the rows before and after it say.
  ///
  /// - Parameter first: the feed is checked from this snapshot on.
  func checkChanges(
    after first: SnapshotID = SnapshotID(0), sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let steps = zip(states, states.dropFirst()).filter { $0.0.snapshot >= first }
    let feeds = try await DuckLakeOracle.changes(
      catalog: backend.oracleCatalog, table: Self.name,
      ranges: steps.map { [$0.1.snapshot.rawValue, $0.1.snapshot.rawValue] })
    for (step, feed) in zip(steps, feeds) {
      var expected: Set<String> = []
      for (id, note) in step.0.rows where step.1.rows[id] != note {
        expected.insert("- \(id) \(note)")
      }
      for (id, note) in step.1.rows where step.0.rows[id] != note {
        expected.insert("+ \(id) \(note)")
      }
      // A rewrite shows as each row being replaced by itself, the extension's own as well.
      var found: [String: Int] = [:]
      for change in feed {
        let isGone = ["delete", "update_preimage"].contains(change.kind)
        found["\(change.id) \(change.note ?? "")", default: 0] += isGone ? -1 : 1
      }
      let net = found.filter { $0.value != 0 }
      #expect(net.values.allSatisfy { abs($0) == 1 }, sourceLocation: sourceLocation)
      #expect(
        Set(net.map { ($0.value < 0 ? "- " : "+ ") + $0.key }) == expected,
        "changes of \(step.1.snapshot.rawValue)", sourceLocation: sourceLocation)
    }
  }
}

/// Runs a test with a keyed table of real files.
func withKeyedOracleLab(
  _ kind: OracleKind, _ body: (KeyedOracleLab) async throws -> Void
) async throws {
  let clock = TestClock()
  let backend = try await kind.make(clock)
  do {
    try await body(
      try await KeyedOracleLab(
        Lab(backend: backend, clock: clock, store: try await backend.open(), lake: TokenLake()),
        backend))
  } catch {
    await backend.remove()
    throw error
  }
  await backend.remove()
}
