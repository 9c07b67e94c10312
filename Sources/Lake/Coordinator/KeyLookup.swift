import Catalog
import Model

/// The live files of a keyed table, in which the rows of a batch's keys are looked for.
struct KeyLookup: Sendable {
  struct File: Sendable {
    let id: Int64
    /// On this machine.
    let path: String
    /// Of the delete file over it.
    let deletesPath: String?
    /// Of each key column in the key's order.
    let bounds: [Bounds]
  }

  /// The least and the greatest value, in DuckLake's text encoding; nil where it is not known.
  struct Bounds: Sendable {
    let minimum: String?
    let maximum: String?
  }

  let files: [File]
  /// What the commit holds against the live files of its own moment.
  let liveFiles: Set<LiveFile>
  /// Whether keys that the batch deletes must be known afterwards: a dead letter may want to bring
  /// one back.
  var keepsDeletedKeys = false
  /// Set for replayed dead letters: which of their keys were deleted, and by which event.
  var deletions: [KeyTombstone]?

  /// No file at all: what a batch does to an empty table.
  static let nowhere = KeyLookup(files: [], liveFiles: [])

  private init(files: [File], liveFiles: Set<LiveFile>) {
    self.files = files
    self.liveFiles = liveFiles
  }

  /// - Parameters:
  ///   - key: field ids in the key's order.
  ///   - localPath: where a file of the lake is on this machine.
  init(_ files: [LookupFile], key: [Int64], localPath: (String) -> String) {
    liveFiles = Set(files.map(\.file.live))
    self.files = files.map { entry in
      File(
        id: entry.file.id, path: localPath(entry.file.path),
        deletesPath: entry.file.deletes.map { localPath($0.path) },
        bounds: key.map { column in
          let known = entry.statistics.first { $0.columnID == column }
          return Bounds(minimum: known?.minimum, maximum: known?.maximum)
        })
    }
  }
}
