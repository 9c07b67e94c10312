import Catalog
import Model

/// Chooses which files of a table are merged next: neighbours of about the same number of rows, as
/// a
/// tiered merge tree does.
///
/// No file is written again for less than it gains: the rows of a merge are at least half the
/// fan-in
/// times those of its largest input. So the work per row grows with the logarithm of the table, and
/// so do the live files. A bound on sizes alone would not do: a large file that is rewritten for
/// each handful of small ones after it costs the square of the table. Where sizes differ so much
/// that
/// files gather all the same, the cheapest run is merged whatever it gains.
package struct MergePlanner: Sendable {
  package struct File: Sendable, Equatable {
    package let record: DataFileRecord
    package let schemaVersion: Int64

    package init(record: DataFileRecord, schemaVersion: Int64) {
      self.record = record
      self.schemaVersion = schemaVersion
    }
  }

  /// Inputs of one merge: more than the fan-in when many have gathered, so that a burst is caught
  /// up
  /// with in one pass.
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

  /// The inputs of the next merge, or none when the table is well as it is.
  ///
  /// - Parameter files: the live files in row-id order.
  package func next(_ files: [File]) -> [File] {
    let most = files.map(\.record.recordCount).max() ?? 0
    let gain = files.count > fanIn * Self.crowdPerFanIn ? 1 : max(2, fanIn / 2)
    // From the smallest files on, so that a merge costs the least that it can.
    var bound: Int64 = 1
    while true {
      if let run = run(in: files, rowsUpTo: bound, gain: gain) { return run }
      guard bound < most else { return [] }
      bound *= 2
    }
  }

  /// The oldest run that is worth merging, of neighbours with at most so many rows each.
  private func run(in files: [File], rowsUpTo bound: Int64, gain: Int) -> [File]? {
    var run = Run()
    for file in files {
      let isSmall =
        file.record.recordCount <= bound && file.record.deletes == nil
        && file.record.byteCount < mergedFileBytes
      if isSmall, canFollow(file, run) {
        run.append(file)
        continue
      }
      if isWorthMerging(run, gain: gain) { return run.files }
      run = Run()
      if isSmall { run.append(file) }
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
      rows += file.record.recordCount
      largestRows = max(largestRows, file.record.recordCount)
    }
  }

  private func isWorthMerging(_ run: Run, gain: Int) -> Bool {
    run.files.count >= fanIn && run.rows >= Int64(gain) * run.largestRows
  }

  private func canFollow(_ file: File, _ run: Run) -> Bool {
    guard let last = run.files.last else { return true }
    return run.bytes + file.record.byteCount <= mergedFileBytes
      && run.files.count < fanIn * Self.inputsPerFanIn
      // Files of several schema versions in one would have values replaced by later upkeep.
      && last.schemaVersion == file.schemaVersion && Self.follows(file.record, last.record)
  }

  /// Whether `file` begins with the row after the last one of `previous`.
  private static func follows(_ file: DataFileRecord, _ previous: DataFileRecord) -> Bool {
    guard let start = file.rowIDStart, let before = previous.rowIDStart else { return false }
    return before + previous.recordCount == start
  }
}
