import Catalog
import HTTPServer
import Model
import Query
import WorkerProtocol

/// `GET /v1/tables/{table}/changes`.
struct ChangesHandler: Sendable {
  let services: APIServices

  func handle(_ request: HTTPRequest, _ context: RequestContext) async throws(APIError)
    -> HTTPResponse
  {
    let started = services.clock.now
    guard let queries = services.queries else { throw .roleNotServed([.query]) }
    let form = try AnswerForm(request.headers)
    let query = try query(request, form.format, table: context.parameters[0])
    let tenant = try await services.tenant(context, makes: false, missing: .tableNotFound)
    let target: QueryTarget
    do {
      target = try await queries.target(of: query, tenant: tenant)
    } catch {
      throw APIError(error)
    }
    let run = QueryRunContext(
      request: query, form: form, target: target, queries: queries, started: started,
      trace: context.trace, services: services)
    switch form.format {
    case .jsonRows: return try await run.buffered()
    case .ndjson, .csv, .arrow, .parquet: return try await run.streamed()
    }
  }

  private func query(
    _ request: HTTPRequest, _ format: AnswerFormat, table: String
  ) throws(APIError) -> QueryRequest {
    let limits = services.limits.query
    guard let from = try number("from_snapshot", request, 0...Int.max) else {
      throw .invalidField("from_snapshot", "a snapshot's id")
    }
    guard let to = try number("to_snapshot", request, 0...Int.max) else {
      throw .invalidField("to_snapshot", "a snapshot's id")
    }
    guard from <= to else { throw .invalidField("from_snapshot", "at most to_snapshot") }
    let rows = try number("row_limit", request, 0...limits.maximumRowLimit)
    let timeoutMs = try number("timeout_ms", request, 1...limits.maximumTimeoutMs)
    let isBuffered = format == .jsonRows
    return QueryRequest(
      statement: WorkerQuery(
        sql: "", format: format,
        rowLimit: UInt64(rows ?? (isBuffered ? limits.rowLimit : Int(Int64.max))),
        resultByteLimit: isBuffered ? UInt64(limits.bufferedResultBytes) : .max,
        bigIntegersAsStrings: try QueryParsing.bigIntegersAsStrings(request)),
      selector: .snapshot(SnapshotID(Int64(to))),
      consistencyTimeoutMs: limits.consistencyTimeoutMs,
      timeoutMs: timeoutMs ?? limits.timeoutMs, allowsDeadLetters: true,
      changes: ChangeRange(
        table: table, from: SnapshotID(Int64(from)), to: SnapshotID(Int64(to))))
  }

  private func number(
    _ name: String, _ request: HTTPRequest, _ range: ClosedRange<Int>
  ) throws(APIError) -> Int? {
    guard let text = request.head.target.queryValue(name) else { return nil }
    guard let value = Int(text), value >= range.lowerBound else {
      throw .invalidField(name, "an integer of at least \(range.lowerBound)")
    }
    guard value <= range.upperBound else {
      throw .limitExceeded(name, maximum: range.upperBound)
    }
    return value
  }
}
