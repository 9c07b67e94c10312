import HTTPServer
import Model
import Observability
import Runtime

/// The whole API as the HTTP server's hooks.
package struct APIHandler: Sendable {
  private let services: APIServices
  private let gate: HeadGate
  private let ingest: IngestHandler
  private let acceptedRequests: Counter

  package init(services: APIServices) {
    self.services = services
    gate = HeadGate(services.configuration, rates: services.rates)
    ingest = IngestHandler(services: services)
    acceptedRequests = services.metrics.ingest.requests.with("ok")
  }

  package var hooks: HTTPServerHooks {
    HTTPServerHooks(
      handler: { request in await respond(to: request) },
      decideOnHead: { head in gate.decide(head) },
      refusalResponse: { refusal, head in Self.refusal(refusal, head) },
      observe: { summary in observe(summary) })
  }

  private func respond(to request: HTTPRequest) async -> HTTPResponse {
    guard let context = request.context as? RequestContext else {
      return APIError(500, "INTERNAL", "the request has no route").response(traceID: "")
    }
    var response: HTTPResponse
    do throws(APIError) {
      response = try await answer(request, context)
    } catch {
      if context.route == .ingest {
        services.metrics.ingest.requests.with(Self.outcome(error)).increment()
      }
      log(error, context)
      response = error.response(traceID: context.traceID)
    }
    response.label = context.route.template
    return response
  }

  private func answer(
    _ request: HTTPRequest, _ context: RequestContext
  ) async throws(APIError) -> HTTPResponse {
    let probes = ProbeHandler(services: services)
    let tables = TableHandler(services: services)
    let snapshots = SnapshotHandler(services: services)
    let letters = DeadLetterHandler(services: services)
    let replays = EventReplayHandler(services: services)
    switch context.route {
    case .health: return probes.health(context)
    case .ready: return await probes.ready(context)
    case .version: return probes.version(context)
    case .limits: return probes.limits(context)
    case .metrics: return await MetricsHandler(services: services).expose(context)
    case .listTables: return try await tables.list(request, context)
    case .createTable: return try await tables.create(request, context)
    case .getTable: return try await tables.get(context)
    case .alterTable: return try await tables.alter(request, context)
    case .deleteTable: return try await tables.delete(context)
    case .listSchemas: return try await tables.schemas(request, context)
    case .tableChanges:
      return try await ChangesHandler(services: services).handle(request, context)
    case .ingest:
      let response: HTTPResponse
      if let batch = context.batch {
        response = try await BatchHandler(services: services).handle(request, batch, context)
      } else {
        response = try await ingest.handle(request, context)
      }
      acceptedRequests.increment()
      return response
    case .query: return try await QueryHandler(services: services).handle(request, context)
    case .uiSchema: return try await SchemaHandler(services: services).handle(request, context)
    case .pinSnapshot: return try await PinHandler(services: services).pin(request, context)
    case .restoreSnapshot:
      return try await RestoreHandler(services: services).restore(request, context)
    case .unpinSnapshot: return try await PinHandler(services: services).unpin(context)
    case .listSnapshots: return try await snapshots.list(request, context)
    case .getSnapshot: return try await snapshots.get(context)
    case .lag: return try await LagHandler(services: services).lag(context)
    case .listDeadLetters: return try await letters.list(request, context)
    case .replayDeadLetters: return try await letters.replay(request, context)
    case .discardDeadLetter: return try await letters.discard(context)
    case .listEventReplays: return try await replays.list(request, context)
    case .startEventReplay: return try await replays.start(request, context)
    case .getEventReplay: return try await replays.get(context)
    case .cancelEventReplay: return try await replays.cancel(context)
    case .runCompaction:
      return try await MaintenanceHandler(services: services).compaction(context)
    case .runRetention:
      return try await MaintenanceHandler(services: services).retention(context)
    case .runIntegrity:
      return try await MaintenanceHandler(services: services).integrity(context)
    }
  }

  private static func outcome(_ error: APIError) -> String {
    switch error.status {
    case 429: "overloaded"
    case 400..<500: "client_error"
    default: error.code == "STORAGE_FULL" ? "overloaded" : "error"
    }
  }

  private func log(_ error: APIError, _ context: RequestContext) {
    let logger = services.logger.with(
      tenantId: context.identity?.tenantName, traceId: context.traceID)
    if error.status >= 500 {
      logger.warning(
        "request failed", errorCode: error.code,
        [.route: LogValue(context.route.template), .status: LogValue(error.status)])
    } else if logger.isEnabled(.debug) {
      logger.debug(
        "request refused",
        [
          .route: LogValue(context.route.template), .status: LogValue(error.status),
          .reason: LogValue(error.code),
        ])
    }
  }

  /// The server's own refusals in the form of all other errors.
  private static func refusal(
    _ refusal: HTTPServerRefusal, _ head: HTTPRequestHead?
  ) -> HTTPResponse {
    let trace = TraceContext.serving(traceparent: head?.headers["traceparent"])
    let error =
      switch refusal {
      case .malformed(let fault): APIError(400, "MALFORMED_REQUEST", fault.message)
      case .bodyTooLarge(let limit):
        APIError(
          413, "PAYLOAD_TOO_LARGE", "the body is larger than this route takes",
          context: [.init("maximum_bytes", .integer(limit))])
      case .receiveTimeout:
        APIError(408, "REQUEST_TIMEOUT", "the request did not arrive in time", isRetryable: true)
      case .tooManyConnections, .tooManyRequests, .bodyMemoryExhausted:
        APIError(
          503, "OVERLOADED", "the server is handling as much as it can; send again",
          isRetryable: true)
      case .invalidResponse: APIError(500, "INTERNAL", "the answer could not be sent")
      }
    return error.response(traceID: trace.traceId)
  }

  private func observe(_ summary: HTTPExchangeSummary) {
    let route = summary.label.isEmpty ? "none" : summary.label
    let method = summary.head?.method.name ?? "none"
    services.metrics.http.requests.with(method, route, String(summary.status)).increment()
    services.metrics.http.durationMs.with(route).observe(summary.duration.milliseconds)
  }
}
