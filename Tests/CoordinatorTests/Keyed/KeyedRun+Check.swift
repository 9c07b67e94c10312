import Catalog
import TestSupport
import Testing

/// What is held against the model in a random life.
extension KeyedRun {
  /// Every snapshot, by our reader and by the official one, and all accounts.
  mutating func check() async throws {
    let snapshots = try await world.expectEverySnapshot()
    counts.snapshots += snapshots.count
    try await world.expectAccounts()
    try await world.expectTokens()
    try await checkOfficially(snapshots.filter { $0.id >= world.firstSnapshot })
  }

  private mutating func checkOfficially(_ snapshots: [SnapshotRecord]) async throws {
    counts.officialSnapshots += snapshots.count
    guard let schemas = world.schemas else { return try await checkRowsOfficially(snapshots) }
    let shapes = snapshots.map {
      OfficialReader.Question(
        sql: "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM {table:keyed})",
        snapshot: $0.id.rawValue)
    }
    let rows = snapshots.map {
      OfficialReader.Question(
        sql: "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM {table:keyed}", snapshot: $0.id.rawValue)
    }
    let answers = try await mesh.officialReader().ask(shapes + rows)
    for (place, snapshot) in snapshots.enumerated() {
      let described = schemas.version(at: snapshot.id)?.described ?? []
      world.compare(
        answers[place].map { $0.map { $0 ?? "" }.joined(separator: " ") },
        described.map { $0.joined(separator: " ") }, snapshot)
      world.compare(
        KeyedWorld.lines(answers[snapshots.count + place]), world.expectedLines(snapshot), snapshot)
    }
  }

  /// Of a table whose schema is its shape's.
  private func checkRowsOfficially(_ snapshots: [SnapshotRecord]) async throws {
    let answers = try await mesh.officialReader().ask(
      snapshots.map {
        .init(sql: "SELECT * FROM {table:keyed}", snapshot: $0.id.rawValue)
      })
    for (snapshot, rows) in zip(snapshots, answers) {
      let expected = world.model.rows(at: snapshot).map { [String($0.key), $0.value.note] }
      world.compare(KeyedWorld.lines(rows), KeyedWorld.lines(expected), snapshot)
    }
  }
}
