import Coordinator
import Edge

extension BatchIntake {
  /// Reads the rows of a file as the records that a client could have sent instead.
  ///
  /// The rows of a table with a primary key are resolved one by one, so they travel as records: the
  /// child makes lines of them, which are held to all that a client's lines are.
  func readLines(
    of process: StagingProcess, _ reader: BatchReader
  ) throws(BatchIntakeError) -> Content {
    var records: [BatchRecord] = []
    var bytes = 0
    let outcome: Result<Void, BatchError>
    do {
      outcome = try process.forEachLines { (lines) throws(BatchError) in
        bytes += lines.count
        guard bytes <= limits.keyedBytes else {
          throw .keyedBatchTooLarge(maximum: limits.keyedBytes)
        }
        let read = try lines.withUnsafeBytes { lines in
          Result { () throws(BatchError) in try reader.read(lines) }
        }.get()
        // Nothing is kept of what is refused; the rest is read to tell what is wrong with it.
        if isRefused { records = [] } else { records += read }
        guard reader.recordCount <= Self.mostKeyedRecords else {
          throw .keyedBatchTooLarge(maximum: limits.keyedBytes)
        }
        return !isLost
      }
    } catch {
      throw .staging(error)
    }
    do throws(BatchError) {
      try outcome.get()
      // Each piece was of whole lines.
      _ = try reader.finish()
    } catch {
      throw .body(error)
    }
    return .records(isRefused ? [] : records)
  }
}
