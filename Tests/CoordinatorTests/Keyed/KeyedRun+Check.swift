import Catalog
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
    let schemas = world.schemas
    for (place, snapshot) in snapshots.enumerated() {
      let described = schemas?.version(at: snapshot.id)?.described ?? []
      world.compare(
        answers[place].map { $0.map { $0 ?? "" }.joined(separator: " ") },
        described.map { $0.joined(separator: " ") }, snapshot)
      world.compare(
        KeyedWorld.lines(answers[snapshots.count + place]), world.expectedLines(snapshot), snapshot)
    }
    counts.officialSnapshots += snapshots.count
  }
}
