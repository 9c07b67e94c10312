import Catalog
import Model

/// Chooses which files of a table become one next.
///
/// Files of which much is deleted come first: their live rows are written anew. Then neighbours of
/// about the same number of rows, as a tiered merge tree does.
///
/// No file is written again for less than it gains: the rows of a merge are at least half the
/// fan-in times those of its largest input. So the work per row grows with the logarithm of the
/// table, and so do the live files. A bound on sizes alone would not do: a large file that is
/// rewritten for each handful of small ones after it costs the square of the table. Where sizes
/// differ so much that files gather all the same, the cheapest run is merged whatever it gains.
package struct MergePlanner: Sendable {
  package struct File: Sendable, Equatable {
    package let record: DataFileRecord
    package let schemaVersion: Int64

    package init(record: DataFileRecord, schemaVersion: Int64) {
      self.record = record
      self.schemaVersion = schemaVersion
    }

    /// Rows that a reader of the newest snapshot sees.
    var liveRows: Int64 { record.recordCount - deletedRows }
    var deletedRows: Int64 { record.deletes?.deleteCount ?? 0 }
  }

  /// What is to be done with files.
  package struct Step: Sendable, Equatable {
    package let files: [File]
    /// Whether nothing of the files is deleted, and they are neighbours in row ids or their rows
    /// carry them: then old snapshots can be read from their merge. Otherwise the files end, and
    /// what old snapshots show stays in them.
    package let keepsHistory: Bool
  }

  /// The share of a file's rows above which their deletion makes any file worth rewriting.
  package static let decayedShare = 0.2

  /// The same for files that are quickly rewritten. A reader must hold each row of a file against
  /// what is deleted of it, and each upsert must write that down again: a few percent double the
  /// time of a scan.
  package static let quicklyDecayedShare = 0.05
  private static let quickRows: Int64 = 2_000_000

  /// The same for quick files that have rested: what is left of a wave of upserts once it is over
  /// would otherwise slow every query until the next one. Under steady upserts each version of a
  /// file is kept for as long as a snapshot that shows it, so the rest must not be short.
  package static let restedShare = 0.005
  private static let shortestRestMs = 600_000
  private static let rowsPerShortestRest: Int64 = 4_000_000

  /// Files with at most so many live rows, one row group, are rewritten together wherever they
  /// stand: larger ones keep to themselves, so that their bounds stay as narrow as they are.
  private static let fewRows: Int64 = 20_480

  /// Inputs of one merge: more than the fan-in when many have gathered, so that a burst is caught
  /// up with in one pass.
  private static let inputsPerFanIn = 8

  /// Live files, in fan-ins, above which any run is worth merging.
  private static let crowdPerFanIn = 5

  private let fanIn: Int
  private let mergedFileBytes: Int64

  package init(fanIn: Int, mergedFileBytes: Int) {
    precondition(fanIn >= 2)
    self.fanIn = fanIn
    self.mergedFileBytes = Int64(mergedFileBytes)
  }

  /// What is to be done next; nil when the table is well as it is.
  ///
  /// - Parameters:
  ///   - files: the live files in row-id order.
  ///   - isKeyed: whether the table has a primary key. Its files lose rows all the time, so runs
  ///     need no neighbourhood in row ids: where there is none they are rewritten, not merged.
  ///   - isClustered: whether it has partitions or an order. Then the rows of a merge carry their
  ///     ids, so runs need no neighbourhood either; none is of several partitions.
  ///   - versionBegin: where the table's schema version begins; files before it have an older one.
  ///   - restedSince: files that began then or before have rested.
  package func next(
    _ files: [File], isKeyed: Bool = false, isClustered: Bool = false,
    versionBegin: SnapshotID = SnapshotID(0), restedSince: SnapshotID = SnapshotID(-1)
  ) -> Step? {
    let partitions = Dictionary(grouping: files, by: \.record.partition)
    // The one with the most files first: there is the most to gain.
    let order = partitions.values.sorted { left, right in
      (-left.count, left.first?.record.id ?? 0) < (-right.count, right.first?.record.id ?? 0)
    }
    for partition in order {
      let step = next(
        inOnePartition: partition, isKeyed: isKeyed, isClustered: isClustered,
        versionBegin: versionBegin, restedSince: restedSince)
      if let step { return step }
    }
    return nil
  }

  /// For how long a file must have stood to have rested, in milliseconds; nil when it is the same
  /// for all files, because none has deletions that rest would make worth rewriting.
  ///
  /// The longer, the larger the table is: of a table under steady upserts no more than some four
  /// million rows are rewritten in ten minutes for the sake of the small share.
  package func restMs(_ files: [File]) -> Int? {
    let gains = files.contains {
      Self.isDecayed($0, quickShare: Self.restedShare)
        && !Self.isDecayed($0, quickShare: Self.quicklyDecayedShare)
    }
    guard gains else { return nil }
    let rows = files.reduce(0) { $0 + $1.liveRows }
    let rests = (rows + Self.rowsPerShortestRest - 1) / Self.rowsPerShortestRest
    return Self.shortestRestMs * Int(max(1, rests))
  }

  private func next(
    inOnePartition files: [File], isKeyed: Bool, isClustered: Bool, versionBegin: SnapshotID,
    restedSince: SnapshotID
  ) -> Step? {
    let decayed = decayed(files, restedSince: restedSince)
    if !decayed.isEmpty { return Step(files: decayed, keepsHistory: false) }
    let gathers = isKeyed || isClustered
    let candidates = gathers ? files.sorted(by: Self.isOlder) : files
    let most = candidates.map(\.liveRows).max() ?? 0
    let gain = candidates.count > fanIn * Self.crowdPerFanIn ? 1 : max(2, fanIn / 2)
    // From the smallest files on, so that a merge costs the least that it can.
    var bound: Int64 = 1
    while true {
      let run =
        gathers
        ? gathered(candidates, rowsUpTo: bound, gain: gain)
        : run(in: candidates, rowsUpTo: bound, gain: gain)
      if let run {
        let keepsHistory =
          isClustered ? !isKeyed && Self.isWhole(run) : Self.keepsHistory(run)
        return Step(files: run, keepsHistory: keepsHistory)
      }
      guard bound < most else {
        return left(files, before: versionBegin).map { Step(files: $0, keepsHistory: false) }
      }
      bound *= 2
    }
  }

  /// Small files of older schema versions that no merge takes any more, since none of their version
  /// comes: they are written anew under the present one, or a table that is altered often would
  /// gather files for ever.
  private func left(_ files: [File], before versionBegin: SnapshotID) -> [File]? {
    var run = Run()
    let old = files.filter {
      $0.record.begin < versionBegin && $0.record.byteCount < mergedFileBytes
    }
    for file in old.sorted(by: { $0.liveRows < $1.liveRows }) {
      if !run.files.isEmpty, !hasRoom(for: file, in: run) { break }
      // What is much larger than all before it stays as it is.
      if run.files.count >= fanIn, file.liveRows > run.rows { break }
      run.append(file)
    }
    return run.files.count >= fanIn ? run.files : nil
  }

  /// The files of which too much is deleted: the one with the most deleted rows, and if that is a
  /// small one, all the small ones with it.
  private func decayed(_ files: [File], restedSince: SnapshotID) -> [File] {
    let decayed = files.filter { file in
      let hasRested = file.record.begin <= restedSince
      return Self.isDecayed(
        file, quickShare: hasRested ? Self.restedShare : Self.quicklyDecayedShare)
    }
    guard let worst = decayed.max(by: { $0.deletedRows < $1.deletedRows }) else { return [] }
    guard worst.liveRows <= Self.fewRows else { return [worst] }
    var run = Run()
    for file in decayed
    where file.liveRows <= Self.fewRows && file.schemaVersion == worst.schemaVersion
      && (run.files.isEmpty || hasRoom(for: file, in: run))
    {
      run.append(file)
    }
    return run.files
  }

  private static func isDecayed(_ file: File, quickShare: Double) -> Bool {
    let isQuick = file.liveRows > fewRows && file.liveRows <= quickRows
    let share = isQuick ? quickShare : decayedShare
    return Double(file.deletedRows) > Double(file.record.recordCount) * share
  }

  /// The oldest run that is worth merging, of neighbours with at most so many rows each.
  private func run(in files: [File], rowsUpTo bound: Int64, gain: Int) -> [File]? {
    var run = Run()
    for file in files {
      let isSmall = isSmall(file, rowsUpTo: bound) && file.record.deletes == nil
      if isSmall, canFollow(file, run), run.files.last.map({ Self.follows(file, $0) }) ?? true {
        run.append(file)
        continue
      }
      if isWorthMerging(run, gain: gain) { return run.files }
      run = Run()
      if isSmall { run.append(file) }
    }
    return isWorthMerging(run, gain: gain) ? run.files : nil
  }

  /// The same whatever stands between the files.
  private func gathered(_ files: [File], rowsUpTo bound: Int64, gain: Int) -> [File]? {
    var run = Run()
    for file in files where isSmall(file, rowsUpTo: bound) {
      if canFollow(file, run) {
        run.append(file)
        continue
      }
      if isWorthMerging(run, gain: gain) { return run.files }
      run = Run()
      run.append(file)
    }
    return isWorthMerging(run, gain: gain) ? run.files : nil
  }

  private struct Run {
    var files: [File] = []
    var bytes: Int64 = 0
    var rows: Int64 = 0
    var largestRows: Int64 = 0

    mutating func append(_ file: File) {
      files.append(file)
      bytes += file.record.byteCount
      rows += file.liveRows
      largestRows = max(largestRows, file.liveRows)
    }
  }

  private func isSmall(_ file: File, rowsUpTo bound: Int64) -> Bool {
    file.liveRows <= bound && file.record.byteCount < mergedFileBytes
  }

  private func isWorthMerging(_ run: Run, gain: Int) -> Bool {
    run.files.count >= fanIn && run.rows >= Int64(gain) * run.largestRows
  }

  private func canFollow(_ file: File, _ run: Run) -> Bool {
    guard let last = run.files.last else { return true }
    // Files of several schema versions in one would have values replaced by later upkeep.
    return hasRoom(for: file, in: run) && last.schemaVersion == file.schemaVersion
  }

  private func hasRoom(for file: File, in run: Run) -> Bool {
    run.bytes + file.record.byteCount <= mergedFileBytes
      && run.files.count < fanIn * Self.inputsPerFanIn
  }

  private static func keepsHistory(_ run: [File]) -> Bool {
    isWhole(run)
      && zip(run.dropFirst(), run).allSatisfy { follows($0, $1) }
  }

  private static func isWhole(_ run: [File]) -> Bool {
    run.allSatisfy { $0.record.deletes == nil }
  }

  /// Whether `file` begins with the row after the last one of `previous`.
  private static func follows(_ file: File, _ previous: File) -> Bool {
    guard let start = file.record.rowIDStart, let before = previous.record.rowIDStart else {
      return false
    }
    return before + previous.record.recordCount == start
  }

  private static func isOlder(_ left: File, _ right: File) -> Bool {
    (left.record.begin, left.record.id) < (right.record.begin, right.record.id)
  }
}
