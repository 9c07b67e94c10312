import Catalog
import HTTPServer
import Model
import Observability
import Query
import Runtime
import SimdJSON
import WorkerPool
import WorkerProtocol

/// `POST /v1/query`.
struct QueryHandler: Sendable {
  let services: APIServices

  func handle(_ request: HTTPRequest, _ context: RequestContext) async throws(APIError)
    -> HTTPResponse
  {
    let started = services.clock.now
    do throws(APIError) {
      let response = try await answer(request, context, started: started)
      services.metrics.query.requests.with("ok").increment()
      return response
    } catch {
      services.metrics.query.requests.with(Self.outcome(error)).increment()
      throw error
    }
  }

  private static func outcome(_ error: APIError) -> String {
    switch error.status {
    case 429: "overloaded"
    case 504: "timeout"
    case 400..<500: "client_error"
    default: "error"
    }
  }

  private func answer(
    _ request: HTTPRequest, _ context: RequestContext, started: MonotonicInstant
  ) async throws(APIError) -> HTTPResponse {
    guard let queries = services.queries else { throw .roleNotServed([.query]) }
    let form = try AnswerForm(request.headers)
    let query = try QueryParsing(limits: services.limits.query)
      .request(request, format: form.format)
    let tenant = try await services.tenant(context, makes: false)
    let target: QueryTarget
    do {
      target = try await queries.target(of: query, tenant: tenant)
    } catch {
      if case .consistencyTimeout = error {
        services.metrics.freshness.consistencyTimeouts.with("query").increment()
      }
      throw APIError(error)
    }
    services.metrics.freshness.barrierWaitMs.observe(target.barrierWaitMs)
    let run = QueryRunContext(
      request: query, form: form, target: target, queries: queries, started: started,
      trace: context.trace,
      services: services)
    switch form.format {
    case .jsonRows: return try await run.buffered()
    case .ndjson, .csv, .arrow, .parquet: return try await run.streamed()
    }
  }
}

/// One query on its way to its answer.
struct QueryRunContext: Sendable {
  let request: QueryRequest
  let form: AnswerForm
  let target: QueryTarget
  let queries: QueryService
  let started: MonotonicInstant
  let trace: TraceContext
  let services: APIServices

  /// Below this a compressed answer is hardly smaller.
  private static let leastCompressedBytes = 1_024

  /// The whole answer in memory, so that a late error still has its status.
  func buffered() async throws(APIError) -> HTTPResponse {
    let sink = BufferedAnswer()
    let statistics: ScanStatistics
    do {
      statistics = try await scan(into: sink)
    } catch {
      throw refusal(error)
    }
    finish(statistics)
    let (body, coding) = try await coded(body(sink, statistics))
    return HTTPResponse(
      status: 200,
      fields: [
        .init("Content-Type", "application/json"), .init("X-Trace-ID", trace.traceId),
      ] + Self.fields(of: coding), body: body)
  }

  /// Small answers go as they are.
  private func coded(
    _ body: [UInt8]
  ) async throws(APIError) -> (body: [UInt8], coding: ContentCoding) {
    guard body.count >= Self.leastCompressedBytes else { return (body, .identity) }
    do throws(BodyEncoder.Failure) {
      guard let encoder = try BodyEncoder(form.coding, on: services.compression) else {
        return (body, .identity)
      }
      return (try await encoder.finish(body), form.coding)
    } catch {
      return (body, .identity)
    }
  }

  static func fields(of coding: ContentCoding) -> [HTTPResponse.Field] {
    let vary = HTTPResponse.Field("Vary", "Accept, Accept-Encoding")
    return coding == .identity ? [vary] : [vary, .init("Content-Encoding", coding.rawValue)]
  }

  func scan(into output: some AnswerSink) async throws(QueryError) -> ScanStatistics {
    let drain = services.queryDrain
    let tenant = target.tenant.id
    drain.began(tenant: tenant)
    do throws(QueryError) {
      let statistics = try await queries.run(request, at: target, output: output)
      drain.ended(tenant: tenant, isServed: true)
      return statistics
    } catch {
      drain.ended(tenant: tenant, isServed: !error.isQueueFull)
      throw error
    }
  }

  func refusal(_ error: QueryError) -> APIError {
    var refusal = APIError(error)
    if error.isQueueFull {
      refusal.retryAfterSeconds = services.queryDrain.retryAfterSeconds(tenant: target.tenant.id)
    }
    return refusal
  }

  func finish(_ scan: ScanStatistics) {
    let elapsed = (services.clock.now - started).milliseconds
    services.metrics.query.latencyMs.observe(elapsed)
    services.metrics.query.scannedFiles.observe(scan.files)
    services.metrics.query.scannedBytes.observe(scan.bytes)
    services.logger.with(tenantId: target.tenant.name, traceId: trace.traceId).info(
      "query answered",
      [
        .snapshotId: LogValue(target.snapshot.id.rawValue), .fileCount: LogValue(scan.files),
        .fileBytes: LogValue(scan.bytes), .durationMs: LogValue(elapsed),
      ])
  }

  private func body(_ sink: BufferedAnswer, _ scan: ScanStatistics) -> [UInt8] {
    let answer = sink.take()
    var writer = JSONWriter(reserving: answer.rows.count + 1_024)
    writer.beginObject()
    writer.name("columns")
    write(answer.head?.columns ?? [], &writer)
    writer.name("types")
    write(answer.head?.types ?? [], &writer)
    writer.name("rows")
    writer.raw(answer.rows)
    writer.member("row_count", answer.end?.rowCount ?? 0)
    writer.member("truncated", answer.end?.truncated ?? false)
    writer.member("snapshot_id", target.snapshot.id.rawValue)
    writer.member("snapshot_time", target.snapshot.time.rfc3339)
    writer.member("max_visibility_token", target.snapshot.watermark.rawValue)
    writer.member("dead_letter_count", target.deadLetterCount)
    writer.name("stats")
    writer.beginObject()
    writer.name("duration_ms")
    writer.double((services.clock.now - started).milliseconds)
    writer.member("scanned_files", scan.files)
    writer.member("scanned_bytes", scan.bytes)
    writer.name("barrier_wait_ms")
    writer.double(target.barrierWaitMs)
    writer.endObject()
    writer.endObject()
    writer.endLine()
    return writer.bytes
  }

  private func write(_ texts: [String], _ writer: inout JSONWriter) {
    writer.beginArray()
    for text in texts { writer.string(text) }
    writer.endArray()
  }
}
