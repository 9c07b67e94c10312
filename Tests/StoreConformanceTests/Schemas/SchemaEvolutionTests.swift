import Catalog
import Model
import Testing

/// What each mode allows, and what it says of what it refuses.
@Suite struct SchemaEvolutionTests {
  private static func table(
    key: [String] = [], eventTime: String? = nil
  ) throws -> TableRecord {
    let columns = [
      try column("id INTEGER!"), try column("note TEXT"), try column("at TIMESTAMPTZ"),
      try column("kind TEXT!", default: "x"), try column("amount DECIMAL(9,2)"),
    ]
    return TableRecord(
      id: TableID(7), tenant: TenantID(1),
      definition: TableDefinition(
        name: "t", schema: try TableSchema(columns: columns), eventTimeColumn: eventTime,
        primaryKey: key),
      schemaVersion: 3, columnIDs: [1, 2, 3, 5, 9],
      initialDefaults: [nil, nil, nil, ColumnDefault(catalogText: "w"), nil],
      versionBegin: SnapshotID(5), folder: "f/", createdAt: Timestamp(microseconds: 0),
      isDropped: false)
  }

  /// The table's columns with some in other places, and more after them.
  private static func columns(
    _ changed: [Int: ColumnDefinition] = [:], adding more: [ColumnDefinition] = [],
    without dropped: Int? = nil
  ) throws -> [ColumnDefinition] {
    let present = try table().definition.schema.columns
    return present.indices.filter { $0 != dropped }.map { changed[$0] ?? present[$0] } + more
  }

  private static func evolution(
    _ table: TableRecord, _ mode: CompatibilityMode, _ columns: [ColumnDefinition],
    renamed: [String: String] = [:]
  ) throws -> Result<SchemaEvolution, SchemaEvolution.Incompatible> {
    let proposed = ProposedSchema(
      schema: try TableSchema(columns: columns), renamedFrom: renamed)
    do {
      return .success(try SchemaEvolution(of: table, to: proposed, mode: mode))
    } catch {
      return .failure(error)
    }
  }

  private static func refusals(
    _ table: TableRecord, _ mode: CompatibilityMode, _ columns: [ColumnDefinition],
    renamed: [String: String] = [:]
  ) throws -> [String] {
    switch try evolution(table, mode, columns, renamed: renamed) {
    case .success: []
    case .failure(let error): error.refusals.map { "\($0.change) \($0.column)" }
    }
  }

  private struct Case {
    let change: String
    let allowed: Set<CompatibilityMode>
    let columns: [ColumnDefinition]
    var renamed: [String: String] = [:]
  }

  /// Each kind of change with the modes that allow it.
  private static func cases() throws -> [Case] {
    let all = Set(CompatibilityMode.allCases)
    let free: Set<CompatibilityMode> = [.backward, .none]
    var moved = try columns()
    moved.swapAt(0, 1)
    return [
      Case(change: "add more", allowed: all, columns: try columns(adding: [column("more TEXT")])),
      Case(
        change: "add more", allowed: all,
        columns: [try column("more TEXT!", default: "d")] + (try columns())),
      Case(change: "add more", allowed: [], columns: try columns(adding: [column("more TEXT!")])),
      Case(change: "drop note", allowed: free, columns: try columns(without: 1)),
      Case(
        change: "rename text", allowed: free, columns: try columns([1: column("text TEXT")]),
        renamed: ["text": "note"]),
      Case(change: "widen id", allowed: free, columns: try columns([0: column("id BIGINT!")])),
      Case(
        change: "replace id", allowed: [.none],
        columns: try columns([0: column("id SMALLINT!", default: "1")])),
      Case(
        change: "replace note", allowed: [.none], columns: try columns([1: column("note BLOB")])),
      Case(
        change: "make_nullable id", allowed: free, columns: try columns([0: column("id INTEGER")])),
      Case(
        change: "make_not_null note", allowed: [],
        columns: try columns([1: column("note TEXT!")])),
      Case(
        change: "change_default kind", allowed: all,
        columns: try columns([3: column("kind TEXT!", default: "y")])),
      Case(
        change: "make_required kind", allowed: free,
        columns: try columns([3: column("kind TEXT!")])),
      Case(
        change: "comment note", allowed: all,
        columns: try columns([1: column("note TEXT", comment: "c")])),
      Case(change: "reorder", allowed: all, columns: moved),
    ]
  }

  @Test func theModesAllowWhatTheyPromise() throws {
    let table = try Self.table()
    for entry in try Self.cases() {
      for mode in CompatibilityMode.allCases {
        switch try Self.evolution(table, mode, entry.columns, renamed: entry.renamed) {
        case .success(let evolution):
          #expect(entry.allowed.contains(mode), "\(entry.change) in \(mode)")
          let made = evolution.changes.map { $0.name + ($0.column.map { " " + $0 } ?? "") }
          #expect(made == [entry.change])
        case .failure(let error):
          #expect(!entry.allowed.contains(mode), "\(entry.change) in \(mode): \(error)")
          let refused = error.refusals.map { "\($0.change) \($0.column)" }
          #expect(refused == [entry.change])
          #expect(error.refusals.allSatisfy { !$0.reason.isEmpty })
        }
      }
    }
  }

  @Test func everyOffendingColumnIsNamed() throws {
    let refused = try Self.refusals(
      try Self.table(), .full,
      [
        try column("id BIGINT"), try column("text TEXT"), try column("kind TEXT"),
        try column("amount DECIMAL(8,2)"), try column("more BIGINT!"),
      ], renamed: ["text": "note"])
    #expect(
      refused == [
        "widen id", "make_nullable id", "rename text", "make_nullable kind", "replace amount",
        "add more", "drop at",
      ])
  }

  @Test func columnsKeepTheirIdsAndNewOnesGetNone() throws {
    let table = try Self.table(eventTime: "at")
    let proposed = ProposedSchema(
      schema: try TableSchema(columns: [
        try column("new INTEGER!", default: "4"), try column("note INTEGER!"),
        try column("id TEXT"), try column("when TIMESTAMPTZ"),
        try column("kind TEXT", default: "q"),
      ]), renamedFrom: ["note": "id", "id": "note", "when": "at"])
    let evolution = try SchemaEvolution(of: table, to: proposed, mode: .backward)
    let columns = try #require(evolution.alteration.columns)
    // Two columns change their names with each other.
    #expect(columns.map(\.id) == [nil, 1, 2, 3, 5])
    #expect(
      columns.map(\.initialDefault?.catalogText) == ["4", nil, nil, nil, "w"])
    #expect(evolution.alteration.eventTimeColumn == "when")
    #expect(evolution.alteration.base == 3)
  }

  @Test func keyColumnsAndTheEventTimeStay() throws {
    let table = try Self.table(key: ["id", "amount"], eventTime: "at")
    for mode in CompatibilityMode.allCases {
      let dropped = try Self.refusals(
        table, mode, [try column("note TEXT"), try column("kind TEXT!", default: "x")])
      #expect(dropped.contains("drop id") && dropped.contains("drop amount"))
      #expect(dropped.contains("drop at"))
    }
    let replaced = try Self.columns([
      0: column("id TEXT!", default: "a"), 2: column("at TIMESTAMP"),
      4: column("amount DECIMAL(9,2)!"),
    ])
    #expect(try Self.refusals(table, .none, replaced).contains("replace id"))
    #expect(try Self.refusals(table, .none, replaced).contains("replace at"))
    let inexact = try Self.columns([0: column("id DOUBLE!"), 4: column("amount DECIMAL(9,2)!")])
    #expect(try Self.refusals(table, .backward, inexact).contains("widen id"))
    // A key stays required whatever is said, and follows its name and a wider type.
    let keyed = try Self.table(key: ["id"])
    let renamed = try Self.evolution(
      keyed, .backward, try Self.columns([0: column("key BIGINT")]), renamed: ["key": "id"]
    ).get()
    #expect(renamed.changes.map(\.name) == ["rename", "widen"])
    #expect(renamed.alteration.columns?[0].definition.isNullable == false)
  }

  @Test func namesThatCannotBeMeantAreRefused() throws {
    let table = try Self.table()
    let unknown = try Self.refusals(
      table, .none, try Self.columns(adding: [column("b TEXT")]), renamed: ["b": "nothing"])
    #expect(unknown == ["rename b"])
    let twice = try Self.refusals(
      table, .none, try Self.columns([1: column("a TEXT")], adding: [column("b TEXT")]),
      renamed: ["a": "note", "b": "note"])
    #expect(twice.contains("rename b"))
    let otherCase = try Self.refusals(table, .none, try Self.columns([1: column("Note TEXT")]))
    #expect(otherCase == ["add Note"])
  }

  @Test func aChangeThatIsSaidAgainChangesNothing() throws {
    let table = try Self.table()
    let again = try Self.evolution(
      table, .backward, try Self.columns(), renamed: ["note": "old_note"])
    #expect(try again.get().changes.isEmpty)
    let none = try SchemaEvolution(
      of: table, to: ProposedSchema(schema: table.definition.schema), mode: .full)
    #expect(none.alteration.columns == nil && none.alteration.compatibilityMode == .full)
  }
}
