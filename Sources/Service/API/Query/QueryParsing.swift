import HTTPServer
import Model
import Query
import SimdJSON
import WorkerProtocol

/// Reads the body and headers of `POST /v1/query`.
struct QueryParsing {
  private static let fields: Set<String> = [
    "sql", "params", "snapshot_id", "snapshot_time", "min_visibility_token",
    "consistency_timeout_ms", "row_limit", "timeout_ms", "time_zone", "allow_dead_letters",
  ]

  let limits: Limits.Query

  func request(
    _ request: HTTPRequest, format: AnswerFormat
  ) throws(APIError) -> QueryRequest {
    let fields = try RequestFields(body: request.body, known: Self.fields)
    guard let sql = try fields.text("sql"), !sql.allSatisfy(\.isWhitespace) else {
      throw APIError(400, "SQL_REQUIRED", "\"sql\" must be a statement")
    }
    guard sql.utf8.count <= limits.sqlBytes else {
      throw .limitExceeded("sql", maximum: limits.sqlBytes)
    }
    let isBuffered = format == .jsonRows
    // Streams are bounded by their client's pace and the time limit, not in size.
    let rowLimit = try fields.integer(
      "row_limit", minimum: 0, maximum: isBuffered ? Int64(limits.maximumRowLimit) : .max)
    let timeout = try fields.integer(
      "timeout_ms", minimum: 1, maximum: Int64(limits.maximumTimeoutMs))
    let consistencyTimeout = try fields.integer(
      "consistency_timeout_ms", minimum: 0, maximum: Int64(limits.maximumConsistencyTimeoutMs))
    return QueryRequest(
      statement: WorkerQuery(
        sql: sql, parameters: try parameters(fields), format: format,
        rowLimit: UInt64(rowLimit ?? (isBuffered ? Int64(limits.rowLimit) : .max)),
        resultByteLimit: isBuffered ? UInt64(limits.bufferedResultBytes) : .max,
        timeZone: try fields.text("time_zone") ?? "UTC",
        bigIntegersAsStrings: try Self.bigIntegersAsStrings(request)),
      selector: try selector(fields),
      consistencyTimeoutMs: consistencyTimeout.map(Int.init) ?? limits.consistencyTimeoutMs,
      timeoutMs: timeout.map(Int.init) ?? limits.timeoutMs,
      allowsDeadLetters: try fields.boolean("allow_dead_letters") ?? false)
  }

  private func parameters(_ fields: RequestFields) throws(APIError) -> [UInt8] {
    guard let value = fields["params"] else { return [] }
    switch value {
    case .object, .array:
      var writer = JSONWriter()
      writer.value(value)
      return writer.bytes
    default:
      throw APIError(
        400, "PARAMS_INVALID", "\"params\" must be an object for $name or an array for ?")
    }
  }

  private func selector(_ fields: RequestFields) throws(APIError) -> SnapshotSelector {
    var selectors: [SnapshotSelector] = []
    if let id = try fields.integer("snapshot_id", minimum: 0, maximum: .max) {
      selectors.append(.snapshot(SnapshotID(id)))
    }
    if let text = try fields.text("snapshot_time") {
      guard let time = Timestamp(parsing: text) else {
        throw .invalidField("snapshot_time", "a time such as 2026-01-31T12:00:00Z")
      }
      selectors.append(.time(time))
    }
    if let value = fields["min_visibility_token"] {
      guard let token = value.integer else {
        throw .invalidField("min_visibility_token", "an integer")
      }
      guard token >= 0 else {
        throw APIError(
          400, "VISIBILITY_TOKEN_INVALID", "a visibility token is not negative")
      }
      selectors.append(token == 0 ? .latest : .token(VisibilityToken(token)))
    }
    guard selectors.count <= 1 else {
      throw APIError(
        400, "SNAPSHOT_SELECTOR_CONFLICT",
        "give one of snapshot_id, snapshot_time and min_visibility_token")
    }
    return selectors.first ?? .latest
  }

  static func bigIntegersAsStrings(_ request: HTTPRequest) throws(APIError) -> Bool {
    switch request.head.target.queryValue("big_ints") {
    case nil, "number": return false
    case "string": return true
    default: throw .invalidField("big_ints", "string or number")
    }
  }
}
