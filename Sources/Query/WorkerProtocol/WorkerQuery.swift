/// How the rows of an answer are written.
package enum AnswerFormat: UInt8, Sendable, CaseIterable {
  /// Rows as JSON arrays with commas between them: the inside of `"rows": […]`.
  case jsonRows
  /// One JSON object a line.
  case ndjson
  /// RFC 4180 with a header line.
  case csv
  /// An Arrow IPC stream.
  case arrow
  /// A Parquet file.
  case parquet
}

/// One statement of a tenant, with its limits.
package struct WorkerQuery: Sendable, Equatable {
  package static let maximumSQLBytes = 256 << 10

  package var sql: String
  /// JSON: an object for `$name`, an array for `?`; empty when there are none.
  package var parameters: [UInt8]
  package var format: AnswerFormat
  /// Rows after which the answer is cut and marked as truncated.
  package var rowLimit: UInt64
  /// Bytes of rendered rows after which the query fails with `resultTooLarge`.
  package var resultByteLimit: UInt64
  /// An IANA name; decides how TIMESTAMPTZ is cut into days and hours.
  package var timeZone: String
  /// Writes 64-bit integers as JSON strings.
  package var bigIntegersAsStrings: Bool

  package init(
    sql: String, parameters: [UInt8] = [], format: AnswerFormat = .jsonRows,
    rowLimit: UInt64 = 10_000, resultByteLimit: UInt64 = 64 << 20, timeZone: String = "UTC",
    bigIntegersAsStrings: Bool = false
  ) {
    self.sql = sql
    self.parameters = parameters
    self.format = format
    self.rowLimit = rowLimit
    self.resultByteLimit = resultByteLimit
    self.timeZone = timeZone
    self.bigIntegersAsStrings = bigIntegersAsStrings
  }
}

/// A query under a number that is never used again on that worker.
package struct QueryMessage: FrameMessage, Equatable {
  package static let kind = FrameKind.query

  package let id: UInt64
  package let query: WorkerQuery

  package init(id: UInt64, query: WorkerQuery) {
    self.id = id
    self.query = query
  }

  package func encode(into writer: inout MessageWriter) {
    writer.put(id)
    writer.put(query.sql)
    writer.put(query.parameters)
    writer.put(query.format.rawValue)
    writer.put(query.rowLimit)
    writer.put(query.resultByteLimit)
    writer.put(query.timeZone)
    writer.put(query.bigIntegersAsStrings)
  }

  package init(from reader: inout MessageReader) throws(FrameError) {
    id = try reader.integer()
    let sql = try reader.string()
    let parameters = try reader.byteArray()
    guard let format = AnswerFormat(rawValue: try reader.integer()) else { throw .malformed }
    query = WorkerQuery(
      sql: sql, parameters: parameters, format: format, rowLimit: try reader.integer(),
      resultByteLimit: try reader.integer(), timeZone: try reader.string(),
      bigIntegersAsStrings: try reader.bool())
  }
}

/// Stops one query; it may arrive before the query starts or after it ended.
package struct CancelMessage: FrameMessage, Equatable {
  package static let kind = FrameKind.cancel

  package let id: UInt64

  package init(id: UInt64) {
    self.id = id
  }

  package func encode(into writer: inout MessageWriter) {
    writer.put(id)
  }

  package init(from reader: inout MessageReader) throws(FrameError) {
    id = try reader.integer()
  }
}
