import Catalog
import Maintenance
import Model
import Testing

/// The tiers of merging, on sizes as single-event commits make them.
@Suite struct MergePlannerTests {
  /// A table whose files only have sizes.
  private struct Simulation {
    /// Footer and column headers of a file, and what a row adds.
    static let emptyBytes: Int64 = 600
    static let bytesPerRow: Int64 = 12

    let planner: MergePlanner
    var files: [MergePlanner.File] = []
    var nextID: Int64 = 1
    var nextRow: Int64 = 0
    var rewrittenRows: Int64 = 0
    var mostFiles = 0

    mutating func commit(rows: Int64) {
      files.append(file(start: nextRow, rows: rows, snapshot: nextID))
      nextRow += rows
      mostFiles = max(mostFiles, files.count)
    }

    /// One merge, if there is one to do.
    mutating func merge() -> Bool {
      let inputs = planner.next(files)?.files.map(\.record) ?? []
      guard let first = inputs.first, let start = first.rowIDStart else { return false }
      let rows = inputs.reduce(0) { $0 + $1.recordCount }
      rewrittenRows += rows
      let ids = Set(inputs.map(\.id))
      guard let place = files.firstIndex(where: { ids.contains($0.record.id) }) else {
        return false
      }
      files.removeAll { ids.contains($0.record.id) }
      files.insert(file(start: start, rows: rows, snapshot: first.begin.rawValue), at: place)
      return true
    }

    private mutating func file(start: Int64, rows: Int64, snapshot: Int64) -> MergePlanner.File {
      defer { nextID += 1 }
      return MergePlanner.File(
        record: DataFileRecord(
          id: nextID, path: "f\(nextID)", recordCount: rows,
          byteCount: Self.emptyBytes + Self.bytesPerRow * rows, begin: SnapshotID(snapshot),
          rowIDStart: start, partialMaximum: nil, deletes: nil),
        schemaVersion: 1)
    }
  }

  private let planner = MergePlanner(fanIn: 16, mergedFileBytes: 256 << 20)

  /// Rows of one commit after another.
  enum Load: CaseIterable {
    case single, mixed, oneLargeForThreeSingle, alternating, heavyTailed, falling

    func rows(_ commit: Int, _ random: inout SeededGenerator) -> Int64 {
      switch self {
      case .single: 1
      case .mixed: Int64(1 + random.below(300))
      case .oneLargeForThreeSingle: random.chance(25) ? 10_000 : 1
      case .alternating: commit % 2 == 0 ? 1 : 1_000
      case .heavyTailed: Int64(1) << Int64((random.next() | 1 << 20).trailingZeroBitCount)
      case .falling: Int64(20_000 - commit)
      }
    }
  }

  @Test(arguments: Load.allCases)
  func liveFilesAndRewritingStayBoundedWhateverComesIn(load: Load) {
    var random = SeededGenerator(seed: 5)
    var table = Simulation(planner: planner)
    for commit in 0..<20_000 {
      table.commit(rows: load.rows(commit, &random))
      _ = table.merge()
    }
    let amplification = Double(table.rewrittenRows) / Double(table.nextRow)
    #expect(table.mostFiles <= 100, "\(table.mostFiles) live files")
    #expect(amplification <= 7, "each row was written \(amplification) times again")
    #expect(table.files.reduce(0) { $0 + $1.record.recordCount } == table.nextRow)
    Attachment.record(
      "\(load): at most \(table.mostFiles) live files, amplification \(amplification)",
      named: "merge-\(load).txt")
  }

  @Test func aBurstIsCaughtUpWith() {
    var table = Simulation(planner: planner)
    for _ in 0..<5_000 { table.commit(rows: 1) }
    var merges = 0
    while table.merge() { merges += 1 }
    #expect(table.files.count < 100, "\(table.files.count) left")
    #expect(merges < 200)
    #expect(Double(table.rewrittenRows) / 5_000 < 6)
  }

  @Test func filesOfTheFullSizeAreLeftAlone() {
    var table = Simulation(planner: MergePlanner(fanIn: 4, mergedFileBytes: 1 << 20))
    for _ in 0..<60 { table.commit(rows: 100_000) }
    let isMerged = table.merge()
    #expect(!isMerged)
  }

  @Test func rowsOfDifferentSchemaVersionsStayApart() {
    let files = (0..<8).map { index in
      MergePlanner.File(
        record: DataFileRecord(
          id: Int64(index), path: "", recordCount: 1, byteCount: 700, begin: SnapshotID(1),
          rowIDStart: Int64(index), partialMaximum: nil, deletes: nil),
        schemaVersion: index < 3 ? 1 : 2)
    }
    let step = MergePlanner(fanIn: 4, mergedFileBytes: 1 << 20).next(files)
    #expect(step?.files.map(\.record.id) == [3, 4, 5, 6, 7])
    #expect(step?.keepsHistory == true)
  }

  @Test func aGapInTheRowIDsOrDeletesEndARun() {
    func file(_ id: Int64, row: Int64?, deleted: Bool = false) -> MergePlanner.File {
      MergePlanner.File(
        record: DataFileRecord(
          id: id, path: "", recordCount: 1, byteCount: 700, begin: SnapshotID(1), rowIDStart: row,
          partialMaximum: nil,
          deletes: deleted
            ? DeleteFileRecord(id: 9, path: "d", deleteCount: 1, partialMaximum: nil) : nil),
        schemaVersion: 1)
    }
    let planner = MergePlanner(fanIn: 2, mergedFileBytes: 1 << 20)
    #expect(planner.next([file(1, row: 0), file(2, row: 5)]).isEmpty)
    #expect(planner.next([file(1, row: 0), file(2, row: nil)]).isEmpty)
    #expect(planner.next([file(1, row: 0, deleted: true), file(2, row: 1)]).isEmpty)
    #expect(
      planner.next([file(1, row: 0, deleted: true), file(2, row: 1), file(3, row: 2)])
        .map(\.record.id) == [2, 3])
  }
}
