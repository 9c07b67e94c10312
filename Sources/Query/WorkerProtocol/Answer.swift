/// The columns of an answer.
package struct AnswerHead: FrameMessage, Equatable {
  package static let kind = FrameKind.head

  package let columns: [String]
  /// DuckDB type names, as many as columns.
  package let types: [String]

  package init(columns: [String], types: [String]) {
    self.columns = columns
    self.types = types
  }

  package func encode(into writer: inout MessageWriter) {
    writer.put(list: columns) { $0.put($1) }
    writer.put(list: types) { $0.put($1) }
  }

  package init(from reader: inout MessageReader) throws(FrameError) {
    columns = try reader.list { reader throws(FrameError) in try reader.string() }
    types = try reader.list { reader throws(FrameError) in try reader.string() }
  }
}

/// The end of a complete answer.
package struct AnswerEnd: FrameMessage, Equatable {
  package static let kind = FrameKind.end

  package let rowCount: UInt64
  /// Whether the row limit cut the answer.
  package let truncated: Bool
  /// From the first look at the statement to the last row.
  package let durationMicroseconds: UInt64

  package init(rowCount: UInt64, truncated: Bool, durationMicroseconds: UInt64) {
    self.rowCount = rowCount
    self.truncated = truncated
    self.durationMicroseconds = durationMicroseconds
  }

  package func encode(into writer: inout MessageWriter) {
    writer.put(rowCount)
    writer.put(truncated)
    writer.put(durationMicroseconds)
  }

  package init(from reader: inout MessageReader) throws(FrameError) {
    rowCount = try reader.integer()
    truncated = try reader.bool()
    durationMicroseconds = try reader.integer()
  }
}

/// Why a statement gave no answer; each is a stable error of the API.
package enum QueryFailureKind: UInt8, Sendable, CaseIterable {
  case invalidSQL = 1
  case sqlNotAllowed
  case tableNotFound
  case parametersInvalid
  /// The data did not allow it: division, cast, overflow.
  case queryFailed
  case memoryExceeded
  case resultTooLarge
  /// NDJSON needs distinct column names.
  case duplicateColumns
  /// A file of the snapshot is no longer there.
  case snapshotGone
  case cancelled
  /// An error that the statement cannot cause.
  case workerBroken
}

/// A statement failed; the text is made for clients and names no file.
package struct QueryFailure: Error, FrameMessage, Equatable {
  package static let kind = FrameKind.failure

  package let failure: QueryFailureKind
  package let message: String
  /// Whether the worker must not run another query.
  package let retiresWorker: Bool

  package init(_ failure: QueryFailureKind, _ message: String, retiresWorker: Bool = false) {
    self.failure = failure
    self.message = message
    self.retiresWorker = retiresWorker
  }

  package func encode(into writer: inout MessageWriter) {
    writer.put(failure.rawValue)
    writer.put(message)
    writer.put(retiresWorker)
  }

  package init(from reader: inout MessageReader) throws(FrameError) {
    guard let failure = QueryFailureKind(rawValue: try reader.integer()) else { throw .malformed }
    self.failure = failure
    message = try reader.string()
    retiresWorker = try reader.bool()
  }
}
