import Catalog
import DuckDB
import Foundation
import Glibc
import Model

/// A small batch of a table without key and layout, for which `path` in staging is free.
struct SmallBatch: Sendable {
  /// Above this a statement of the batch's own costs little beside its rows.
  static let maximumEvents = 1_024
  static let maximumBytes = 1 << 20
  /// Of all batches of one statement. The engine reads so many rows as one task, which writes one
  /// file for each batch.
  static let maximumEventsTogether = 65_536
  static let maximumBytesTogether = 8 << 20
  /// Of all files together: for each column of each file the engine sets memory aside for 2,048
  /// values, 50 MB for so many.
  static let maximumColumnsTogether = 2_048

  let batch: TableBatch
  let table: TableRecord
  let path: String
}

extension Materializer {
  /// Writes small batches of tables that look alike by one statement, each as `materialize` does.
  ///
  /// Planning a statement costs the engine several times what a few rows do, and many tenants who
  /// write little are many such statements.
  ///
  /// **Invariant:** a file holds the rows of one batch, all of them, in the order of its events, or
  /// nothing is left of any.
  ///
  /// - Parameter shape: that of every table.
  /// - Throws: `EnvironmentFailure`, also for what is wrong with the data of one: each is to be
  ///   materialised for itself then.
  func materialize(
    together small: [SmallBatch], shape: RowShape
  ) throws(EnvironmentFailure) -> [MaterializedTable] {
    var events: [PlannedEvent] = []
    var places: [Int64] = []
    var letters: [[NewDeadLetter]] = []
    for (place, item) in small.enumerated() {
      let sorted = sortOut(item.batch)
      events += sorted.events
      places += Array(repeating: Int64(place), count: sorted.events.count)
      letters.append(sorted.letters)
    }
    let files = try write(events, places: places, of: small, shape: shape)
    return zip(small.indices, letters).map { place, letters in
      var written = WrittenBatch()
      written.files = files[place].map { [$0] } ?? []
      written.outcome.counts.inserted = written.recordCount
      return MaterializedTable(
        batch: small[place].batch, table: small[place].table, deadLetters: letters,
        written: written)
    }
  }

  /// - Returns: the files by the place of their batch.
  private func write(
    _ events: [PlannedEvent], places: [Int64], of small: [SmallBatch], shape: RowShape
  ) throws(EnvironmentFailure) -> [Int: ParquetFile] {
    guard !events.isEmpty, let first = small.first else { return [:] }
    let folder = partsFolder(beside: first.path)
    var files: [Int: ParquetFile]
    do {
      try load(events[...], places: places)
      files = try ParquetFile.writeParts(
        query: "SELECT \(shape.projection), materialization.position AS \(ParquetFile.partColumn)"
          + " FROM \(shape.source)",
        fieldIDs: shape.columns, statisticsOf: Set(shape.columns.map(\.id)),
        as: .holding(rows: events.count / small.count), to: folder, on: connection)
    } catch {
      removeParts()
      throw .engine(error.message)
    }
    var counts: [Int: Int64] = [:]
    for place in places { counts[Int(place), default: 0] += 1 }
    guard files.mapValues(\.recordCount) == counts else {
      removeParts()
      throw .engine("\(events.count) events of \(counts.count) batches gave other files")
    }
    for (place, file) in files {
      let path = small[place].path
      guard rename(file.path, path) == 0 else {
        let code = errno
        for item in small { unlink(item.path) }
        removeParts()
        throw .storage("a staged file cannot be moved: error \(code)")
      }
      files[place] = file.moved(to: path)
    }
    return files
  }

  /// Where the parts of one statement after another are written, each of which leaves it empty.
  ///
  /// Kept from one to the next, because file systems pass over the places of files and folders
  /// that were just removed, one by one, when they look for one for the next file.
  private func partsFolder(beside path: String) -> String {
    if let known = parts { return known }
    let folder = path + ".parts"
    parts = folder
    return folder
  }

  private func removeParts() {
    guard let folder = parts else { return }
    try? FileManager.default.removeItem(atPath: folder)
    parts = nil
  }
}
