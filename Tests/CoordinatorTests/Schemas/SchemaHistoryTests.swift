import Catalog
import Coordinator
import Maintenance
import Model
import Testing

/// What a snapshot showed of a table when it was made.
private struct Moment: Sendable {
  let snapshot: SnapshotID
  let rows: [[String?]]
}

/// A table that is altered again and again: files, events and readers of all its versions.
@Suite struct SchemaHistoryTests {
  fileprivate static let eager: Limits.Maintenance = {
    var limits = Limits.Maintenance()
    limits.mergeFanIn = 3
    return limits
  }()

  @Test(arguments: MeshStore.Kind.allCases, [false, true])
  func everySnapshotKeepsItsShapeForBothReaders(_ kind: MeshStore.Kind, isKeyed: Bool) async throws
  {
    try await withMesh(over: kind) { mesh in
      let steps = try EvolvingTable.steps()
      let first = try await mesh.makeTable(
        of: "acme", steps[0].columns, key: isKeyed ? ["id"] : [])
      let moments = Guarded<[Moment]>([])
      try await running(mesh.coordinator()) { _ in
        try await mesh.live(through: steps, of: first, remembering: moments)
      }
      let table = try #require(try await mesh.catalog.tables(ids: [first.id]).first)
      let maintenance = mesh.maintenance(Self.eager)
      var history = moments.withLock { $0 }
      #expect(table.schemaVersion == 11)
      #expect(try await mesh.deadLetters(of: table).isEmpty)
      _ = try await maintenance.compactNow()
      history.append(try await mesh.moment(table))
      try await expect(history, mesh, table)
      try await mesh.expectClean()
      guard !isKeyed else { return }
      // The extension's own merge on top of ours.
      let official = try await mesh.officialTexts(
        of: table, at: history.map(\.snapshot), merging: true)
      for (moment, theirs) in zip(history, official) {
        #expect(theirs == moment.rows, "the extension at \(moment.snapshot)")
        let ours = try await mesh.texts(of: table, at: moment.snapshot)
        #expect(ours == moment.rows, "at \(moment.snapshot)")
      }
    }
  }

  /// Whether an event was on its way when its table changed makes no difference to its row.
  @Test(arguments: [false, true])
  func anEventLandsAsItWouldShowHadItLandedBefore(isKeyed: Bool) async throws {
    let steps = try EvolvingTable.steps()
    let key = isKeyed ? ["id"] : []
    let results = try await [true, false].asyncMap { landsAtOnce in
      try await Self.rows(of: steps, key: key, landsAtOnce: landsAtOnce)
    }
    #expect(results[0].count == steps.reduce(0) { $0 + $1.payloads.count })
    #expect(results[0] == results[1])
  }

  private static func rows(
    of steps: [EvolvingTable.Step], key: [String], landsAtOnce: Bool
  ) async throws -> [[String?]] {
    let result = Guarded<[[String?]]>([])
    try await withMesh { mesh in
      var table = try await mesh.makeTable(of: "acme", steps[0].columns, key: key)
      var last = VisibilityToken.none
      for (number, step) in steps.enumerated() {
        if number > 0 { table = try await mesh.evolve(table, to: step) }
        last = try await mesh.publish(table, step.payloads).max() ?? last
        if landsAtOnce { try await mesh.land(table, last) }
      }
      try await mesh.land(table, last)
      #expect(try await mesh.deadLetters(of: table).isEmpty)
      let rows = try await mesh.moment(table).rows
      result.withLock { $0 = rows }
      try await mesh.expectClean()
    }
    return result.withLock { $0 }
  }

  /// Rejected by the edge or by the engine, a dead letter holds what was sent, under its version.
  @Test func deadLettersKeepThePayloadAndTheVersionThatTheyCameWith() async throws {
    try await withMesh { mesh in
      let steps = try EvolvingTable.steps()
      let table = try await mesh.makeTable(of: "acme", steps[0].columns)
      let bad = #"{"id":1,"price":"much"}"#
      let last = try await mesh.publish(
        table, [#"{"id":1}"#, bad, #"{"nonsense":1}"#], rejections: [2: "no such column"]
      ).max()
      let altered = try await mesh.evolve(table, to: steps[1])
      try await mesh.land(altered, try #require(last))
      let letters = try await mesh.deadLetters(of: altered)
      #expect(letters.map(\.reason).sorted() == ["CAST_FAILED", "SCHEMA_VIOLATION"])
      #expect(
        Set(letters.map { String(decoding: $0.payload, as: UTF8.self) })
          == [bad, #"{"nonsense":1}"#])
      #expect(
        try await mesh.number("SELECT count(*) FROM duckmesh_dead_letter WHERE schema_version = 1")
          == 2)
      try await mesh.expectClean()
    }
  }

  /// Old versions get no further files, so what is left of them is written anew.
  @Test func aTableThatIsAlteredOftenDoesNotGatherFiles() async throws {
    try await withMesh { mesh in
      let table = try await mesh.makeTable()
      let maintenance = mesh.maintenance(Self.eager)
      var most = 0
      var history: [Moment] = []
      var altered = table
      for round in 0..<24 {
        let token = try await mesh.publish(altered, [row(round)]).max()
        try await mesh.land(altered, try #require(token))
        history.append(try await mesh.moment(altered))
        altered = try await mesh.evolve(
          altered,
          to: .init(
            columns: altered.definition.schema.columns + [
              ColumnDefinition(
                name: "c\(round)", type: .bigint,
                defaultValue: ColumnDefault(catalogText: "\(round)"))
            ], payloads: []))
        _ = try await maintenance.compactNow()
        most = max(most, try await mesh.catalog.liveFiles(of: table.id).count)
      }
      #expect(most <= 6, "\(most) live files")
      history.append(try await mesh.moment(altered))
      try await expect(history, mesh, altered)
      try await mesh.expectClean()
    }
  }

  private func expect(
    _ history: [Moment], _ mesh: Mesh, _ table: TableRecord,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let official = try await mesh.officialTexts(of: table, at: history.map(\.snapshot))
    for (moment, theirs) in zip(history, official) {
      let ours = try await mesh.texts(of: table, at: moment.snapshot)
      #expect(ours == moment.rows, "\(moment.snapshot)", sourceLocation: sourceLocation)
      #expect(theirs == moment.rows, "\(moment.snapshot)", sourceLocation: sourceLocation)
    }
  }
}

extension Mesh {
  /// The newest snapshot and what it shows of the table.
  fileprivate func moment(
    _ table: TableRecord
  ) async throws -> Moment {
    let snapshot = try await catalog.latestSnapshot(tenant: table.tenant).id
    return Moment(snapshot: snapshot, rows: try await texts(of: table, at: snapshot))
  }

  /// Alters the table step by step, each version with records in several files and merges between.
  fileprivate func live(
    through steps: [EvolvingTable.Step], of first: TableRecord,
    remembering moments: Guarded<[Moment]>
  ) async throws {
    let maintenance = maintenance(SchemaHistoryTests.eager)
    var table = first
    for (number, step) in steps.enumerated() {
      if number > 0 { table = try await evolve(table, to: step) }
      for payload in step.payloads + step.payloads.suffix(1) + step.payloads.suffix(1) {
        let token = try await publish(table, [payload]).max()
        try await wait(table, try #require(token))
        let moment = try await moment(table)
        moments.withLock { $0.append(moment) }
      }
      if number % 3 == 2 { _ = try await maintenance.compactNow() }
    }
  }

  /// Has a coordinator carry what is pending into the lake.
  fileprivate func land(_ table: TableRecord, _ token: VisibilityToken) async throws {
    try await running(coordinator()) { _ in try await wait(table, token) }
  }
}

extension Sequence where Element: Sendable {
  fileprivate func asyncMap<Value>(
    _ body: (Element) async throws -> Value
  ) async throws -> [Value] {
    var values: [Value] = []
    for element in self { values.append(try await body(element)) }
    return values
  }
}
