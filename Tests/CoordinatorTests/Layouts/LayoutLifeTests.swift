import Foundation
import Model
import Testing

/// Tables with partitions and an order through the same random lives as those without: nothing that
/// a reader can see depends on where rows lie.
///
/// `DUCKMESH_TEST_SEED` repeats a run.
@Suite struct LayoutLifeTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let kind: MeshStore.Kind
    let name: String
    let layout: TableLayout

    var testDescription: String { "\(name) over \(kind.testDescription)" }

    static let all = MeshStore.Kind.allCases.flatMap { kind in
      layouts.map { Case(kind: kind, name: $0.0, layout: $0.1) }
    }

    /// Of a table with the key `id` and the text `note`, by which an upsert moves a row.
    private static let layouts = [
      ("buckets of the key", TableLayout(partitioning: [.init("id", .bucket(count: 3))])),
      (
        "buckets of what changes, in descending order",
        TableLayout(
          partitioning: [.init("note", .bucket(count: 2)), .init("id", .bucket(count: 2))],
          sortOrder: [.init("note", isDescending: true), .init("id", putsNullsFirst: true)])
      ),
      ("one partition a key", TableLayout(partitioning: [.init("id", .identity)])),
      ("an order alone", TableLayout(sortOrder: [.init("note")])),
    ]
  }

  private static var seed: UInt64 {
    ProcessInfo.processInfo.environment["DUCKMESH_TEST_SEED"].flatMap { UInt64($0) }
      ?? UInt64.random(in: 1...999_999_999)
  }

  @Test(arguments: Case.all)
  func everySnapshotShowsWhatItsEventsSay(_ test: Case) async throws {
    let seed = Self.seed
    let clock = TestClock()
    do {
      try await withMesh(over: test.kind, clock: clock) { mesh in
        var life = try await KeyedRun(mesh, clock: clock, seed: seed, layout: test.layout)
        try await life.run(operations: 30)
        try await mesh.expectFilesInTheirPartitions(life.world.table)
      }
    } catch {
      Issue.record("seed \(seed): \(error)")
    }
  }

  @Test(arguments: Case.all)
  func changesAreTheDifferenceOfWhatSnapshotsShow(_ test: Case) async throws {
    let seed = Self.seed
    do {
      try await withMesh(over: test.kind, clock: TestClock()) { mesh in
        var life = try await HistoryRun(mesh, seed: seed, layout: test.layout)
        try await life.run(operations: 24)
        for table in try await mesh.catalog.tables(
          tenant: try await mesh.catalog.ensureTenant(named: "acme", limit: 10).id, after: nil,
          limit: 10)
        {
          try await mesh.expectFilesInTheirPartitions(table)
        }
      }
    } catch {
      Issue.record("seed \(seed): \(error)")
    }
  }
}
