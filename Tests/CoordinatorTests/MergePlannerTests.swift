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

  /// A small file: `rows` rows of which some are deleted, from a row id on or with ids of its own.
  private func file(
    _ id: Int64, row: Int64?, rows: Int64 = 1, deleted: Int64 = 0, bytes: Int64 = 700
  ) -> MergePlanner.File {
    MergePlanner.File(
      record: DataFileRecord(
        id: id, path: "", recordCount: rows, byteCount: bytes, begin: SnapshotID(id),
        rowIDStart: row, partialMaximum: nil,
        deletes: deleted == 0
          ? nil
          : DeleteFileRecord(id: 100 + id, path: "d", deleteCount: deleted, partialMaximum: nil)),
      schemaVersion: 1)
  }

  @Test func aGapInTheRowIDsOrDeletesEndARun() {
    let planner = MergePlanner(fanIn: 2, mergedFileBytes: 1 << 20)
    #expect(planner.next([file(1, row: 0), file(2, row: 5)]) == nil)
    #expect(planner.next([file(1, row: 0), file(2, row: nil)]) == nil)
    let deleted = file(1, row: 0, rows: 10, deleted: 1)
    #expect(planner.next([deleted, file(2, row: 10)]) == nil)
    #expect(
      planner.next([deleted, file(2, row: 10), file(3, row: 11)])?.files.map(\.record.id)
        == [2, 3])
  }

  @Test func aFileOfWhichMoreThanAFifthIsDeletedIsRewritten() {
    let planner = MergePlanner(fanIn: 4, mergedFileBytes: 1 << 20)
    for isKeyed in [false, true] {
      let fifth = [file(1, row: 0, rows: 10_000_000, deleted: 2_000_000)]
      #expect(planner.next(fifth, isKeyed: isKeyed) == nil)
      let more = [
        file(1, row: 0, rows: 10_000_000, deleted: 2_000_001),
        file(2, row: 10_000_000, rows: 10, deleted: 9),
      ]
      let step = planner.next(more, isKeyed: isKeyed)
      // A large one by itself, whatever its size in bytes.
      #expect(step?.files.map(\.record.id) == [1] && step?.keepsHistory == false)
    }
  }

  @Test func aFileThatIsQuicklyRewrittenIsSoEarlier() {
    let planner = MergePlanner(fanIn: 4, mergedFileBytes: 1 << 20)
    #expect(planner.next([file(1, row: 0, rows: 100_000, deleted: 5_000)]) == nil)
    let step = planner.next([file(1, row: 0, rows: 100_000, deleted: 5_001)])
    #expect(step?.files.map(\.record.id) == [1] && step?.keepsHistory == false)
  }

  @Test func aFileThatHasRestedIsRewrittenForFewDeletions() {
    let planner = MergePlanner(fanIn: 4, mergedFileBytes: 1 << 20)
    func next(_ file: MergePlanner.File, restedSince: Int64) -> [Int64]? {
      planner.next([file], isKeyed: true, restedSince: SnapshotID(restedSince))?
        .files.map(\.record.id)
    }
    let decayed = file(7, row: 0, rows: 100_000, deleted: 501)
    #expect(next(decayed, restedSince: 6) == nil)
    #expect(next(decayed, restedSince: 7) == [7])
    #expect(next(file(7, row: 0, rows: 100_000, deleted: 500), restedSince: 7) == nil)
    // Those that take long are not.
    #expect(next(file(7, row: 0, rows: 10_000_000, deleted: 60_000), restedSince: 7) == nil)
  }

  @Test func theLargerATableIsTheLongerItsFilesRest() {
    let planner = MergePlanner(fanIn: 4, mergedFileBytes: 1 << 20)
    let decayed = file(1, row: 0, rows: 1_000_000, deleted: 10_000)
    let whole = file(2, row: 1_000_000, rows: 40_000_000)
    #expect(planner.restMs([decayed]) == 600_000)
    #expect(planner.restMs([decayed, whole]) == 11 * 600_000)
    // Nothing that rest would change: nobody needs to be asked when the files began.
    #expect(planner.restMs([whole]) == nil)
    #expect(planner.restMs([file(1, row: 0, rows: 1_000_000, deleted: 60_000)]) == nil)
  }

  @Test func smallFilesOfWhichMuchIsDeletedAreRewrittenTogether() {
    let files = [
      file(1, row: 0, rows: 10, deleted: 3), file(2, row: 10, rows: 10),
      file(3, row: 20, rows: 10, deleted: 10), file(4, row: 30, rows: 10, deleted: 2),
      file(5, row: 40, rows: 10, deleted: 9),
    ]
    let step = MergePlanner(fanIn: 4, mergedFileBytes: 1 << 20).next(files)
    #expect(step?.files.map(\.record.id) == [1, 3, 5])
    #expect(step?.keepsHistory == false)
  }

  @Test func aKeyedTablesFilesNeedNoNeighbourhood() {
    let planner = MergePlanner(fanIn: 3, mergedFileBytes: 1 << 20)
    let neighbours = [file(1, row: 0), file(2, row: 1), file(3, row: 2)]
    #expect(planner.next(neighbours, isKeyed: true)?.keepsHistory == true)
    let apart = [file(1, row: 0), file(2, row: nil), file(3, row: 9)]
    #expect(planner.next(apart, isKeyed: true)?.keepsHistory == false)
    let beside = [
      file(1, row: 0, rows: 10), file(2, row: nil, rows: 1_000_000, bytes: 1 << 30),
      file(3, row: 10, rows: 10, deleted: 1), file(4, row: 20, rows: 10),
    ]
    let step = planner.next(beside, isKeyed: true)
    #expect(step?.files.map(\.record.id) == [1, 3, 4] && step?.keepsHistory == false)
  }

  /// Files of a keyed table under upserts of random keys, each of which deletes a row somewhere.
  private struct KeyedSimulation {
    let planner: MergePlanner
    var files: [(file: MergePlanner.File, live: Set<Int>)] = []
    var fileOfKey: [Int: Int64] = [:]
    var nextID: Int64 = 1
    var nextRow: Int64 = 0
    var upserts = 0
    var rewrittenRows = 0
    var mostFiles = 0

    mutating func commit(_ keys: Set<Int>) {
      for key in keys {
        guard let old = fileOfKey[key],
          let place = files.firstIndex(where: { $0.file.record.id == old })
        else { continue }
        files[place].live.remove(key)
        files[place].file = Self.file(
          files[place].file.record,
          deleted: files[place].file.record.recordCount
            - Int64(files[place].live.count))
      }
      add(keys, row: nextRow)
      nextRow += Int64(keys.count)
      upserts += keys.count
      mostFiles = max(mostFiles, files.count)
    }

    mutating func step() -> Bool {
      guard let step = planner.next(files.map(\.file), isKeyed: true) else { return false }
      let ids = Set(step.files.map(\.record.id))
      let live = files.filter { ids.contains($0.file.record.id) }.reduce(into: Set<Int>()) {
        $0.formUnion($1.live)
      }
      files.removeAll { ids.contains($0.file.record.id) }
      rewrittenRows += live.count
      if !live.isEmpty {
        add(live, row: step.keepsHistory ? step.files.first?.record.rowIDStart : nil)
      }
      return true
    }

    private mutating func add(_ keys: Set<Int>, row: Int64?) {
      let record = DataFileRecord(
        id: nextID, path: "f\(nextID)", recordCount: Int64(keys.count),
        byteCount: 600 + 12 * Int64(keys.count), begin: SnapshotID(nextID), rowIDStart: row,
        partialMaximum: nil, deletes: nil)
      files.append((Self.file(record, deleted: 0), keys))
      for key in keys { fileOfKey[key] = nextID }
      nextID += 1
    }

    private static func file(_ record: DataFileRecord, deleted: Int64) -> MergePlanner.File {
      MergePlanner.File(
        record: DataFileRecord(
          id: record.id, path: record.path, recordCount: record.recordCount,
          byteCount: record.byteCount, begin: record.begin, rowIDStart: record.rowIDStart,
          partialMaximum: nil,
          deletes: deleted == 0
            ? nil
            : DeleteFileRecord(
              id: record.id, path: "d", deleteCount: deleted, partialMaximum: nil)),
        schemaVersion: 1)
    }
  }

  /// Keys that upserts choose from: all alike, or a few again and again.
  @Test(arguments: [false, true])
  func aKeyedTableStaysSmallUnderSteadyUpserts(isSkewed: Bool) {
    var random = SeededGenerator(seed: 9)
    var table = KeyedSimulation(planner: planner)
    table.commit(Set(0..<50_000))
    for _ in 0..<4_000 {
      let keys = (0..<10).map { _ in random.below(isSkewed && random.chance(90) ? 200 : 50_000) }
      table.commit(Set(keys))
      _ = table.step()
    }
    while table.step() {}
    let live = table.files.reduce(0) { $0 + $1.live.count }
    let rows = table.files.reduce(0) { $0 + $1.file.record.recordCount }
    let amplification = Double(table.rewrittenRows) / Double(table.upserts)
    #expect(live == 50_000)
    #expect(table.mostFiles <= 110, "\(table.mostFiles) live files")
    #expect(Double(rows) <= 1.1 * Double(live), "\(rows) rows for \(live)")
    #expect(amplification <= 30, "each row was written \(amplification) times again")
    Attachment.record(
      "skewed \(isSkewed): at most \(table.mostFiles) live files, amplification \(amplification)",
      named: "keyed-merge-\(isSkewed).txt")
  }
}
