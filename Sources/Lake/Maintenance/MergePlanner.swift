import Catalog
import Model

/// Chooses which files of a table are merged next: small ones of about the same size that follow
/// each other, as a tiered merge tree does.
///
/// A row is rewritten once a tier, so the work per row grows with the logarithm of the table, and
/// the live files stay below `fanIn` a tier.
package struct MergePlanner: Sendable {
  package struct File: Sendable, Equatable {
    package let record: DataFileRecord
    package let schemaVersion: Int64

    package init(record: DataFileRecord, schemaVersion: Int64) {
      self.record = record
      self.schemaVersion = schemaVersion
    }
  }

  /// Files up to this size are of the lowest tier.
  private static let smallestTierBytes: Int64 = 16 << 10
  /// Inputs of one merge: more than the fan-in when many have gathered, so that a burst is caught
  /// up
  /// with in one pass.
  private static let inputsPerFanIn = 8

  private let fanIn: Int
  private let mergedFileBytes: Int64

  package init(fanIn: Int, mergedFileBytes: Int) {
    precondition(fanIn >= 2)
    self.fanIn = fanIn
    self.mergedFileBytes = Int64(mergedFileBytes)
  }

  func tier(of bytes: Int64) -> Int {
    var tier = 0
    var bound = Self.smallestTierBytes
    while bytes > bound, bound < mergedFileBytes {
      bound *= Int64(fanIn)
      tier += 1
    }
    return tier
  }

  /// The inputs of the next merge, or none when the table is well as it is.
  ///
  /// - Parameter files: the live files in row-id order.
  package func next(_ files: [File]) -> [File] {
    let tiers = files.map { tier(of: $0.record.byteCount) }
    for level in 0...max(tiers.max() ?? 0, 0) {
      if let run = run(in: files, tiers: tiers, upTo: level) { return run }
    }
    return []
  }

  /// The oldest run of at least `fanIn` neighbours of at most this tier.
  private func run(in files: [File], tiers: [Int], upTo level: Int) -> [File]? {
    var run: [File] = []
    var bytes: Int64 = 0
    for (file, tier) in zip(files, tiers) {
      let fits =
        tier <= level && file.record.deletes == nil && file.record.byteCount < mergedFileBytes
        && bytes + file.record.byteCount <= mergedFileBytes
        && run.count < fanIn * Self.inputsPerFanIn
        // Files of several schema versions in one would have values replaced by later upkeep.
        && (run.last.map { $0.schemaVersion == file.schemaVersion } ?? true)
        && (run.last.map { Self.follows(file.record, $0.record) } ?? true)
      if fits {
        run.append(file)
        bytes += file.record.byteCount
        continue
      }
      if run.count >= fanIn { return run }
      let startsAnew = tier <= level && file.record.deletes == nil
      run = startsAnew ? [file] : []
      bytes = startsAnew ? file.record.byteCount : 0
    }
    return run.count >= fanIn ? run : nil
  }

  /// Whether `file` begins with the row after the last one of `previous`.
  private static func follows(_ file: DataFileRecord, _ previous: DataFileRecord) -> Bool {
    guard let start = file.rowIDStart, let before = previous.rowIDStart else { return false }
    return before + previous.recordCount == start
  }
}
