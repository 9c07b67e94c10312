import Catalog
import HTTPServer
import IngestBus
import Model
import Observability
import SimdJSON

/// The routes under `/v1/replays` (`EventReplayHandler+Start` checks what is asked for).
struct EventReplayHandler: Sendable {
  let services: APIServices

  func list(_ request: HTTPRequest, _ context: RequestContext) async throws(APIError)
    -> HTTPResponse
  {
    let page = try Page(request, limits: services.limits.request)
    var before: Int64?
    if let token = page.token {
      guard let id = Int64(token) else {
        throw .invalidField("page_token", "one that this server has given")
      }
      before = id
    }
    let tenant = try await services.tenant(context, makes: false)
    let span = try await span(of: tenant.id)
    let replays: [EventReplay]
    do {
      replays = try await services.catalog.eventReplays(
        tenant: tenant.id, before: before, limit: page.limit + 1)
    } catch {
      throw APIError(error)
    }
    return .json(status: 200, context) { writer in
      writer.beginObject()
      writer.name("retained")
      Self.write(span, &writer)
      writer.name("replays")
      writer.beginArray()
      for replay in replays.prefix(page.limit) { Self.write(replay, &writer) }
      writer.endArray()
      if replays.count > page.limit {
        writer.member("next_page_token", Page.token(String(replays[page.limit - 1].id)))
      }
      writer.endObject()
    }
  }

  func get(_ context: RequestContext) async throws(APIError) -> HTTPResponse {
    let tenant = try await services.tenant(context, makes: false, missing: .replayNotFound)
    guard let id = Int64(context.parameters[0]), id < .max else { throw .replayNotFound }
    let found: [EventReplay]
    do {
      found = try await services.catalog.eventReplays(
        tenant: tenant.id, before: id + 1, limit: 1)
    } catch {
      throw APIError(error)
    }
    guard let replay = found.first, replay.id == id else { throw .replayNotFound }
    let batchEnd = try await endOfBatch(replay)
    return .json(status: 200, context) { Self.write(replay, batchEnd: batchEnd, &$0) }
  }

  /// The last token of the batch of files that a replay has ended at, while the bus has it.
  private func endOfBatch(_ replay: EventReplay) async throws(APIError) -> VisibilityToken? {
    guard replay.errorCode == "BATCH_OF_FILES" else { return nil }
    do {
      return try await services.bus.retainedSegments(
        of: replay.tenant, replay.next...replay.next, byteLimit: 1
      ).first?.lastToken
    } catch {
      throw .unavailable("ingest bus")
    }
  }

  /// Ends a replay where it is; who asks twice is told the same.
  func cancel(_ context: RequestContext) async throws(APIError) -> HTTPResponse {
    let tenant = try await services.tenant(context, makes: false, missing: .replayNotFound)
    guard let id = Int64(context.parameters[0]) else { throw .replayNotFound }
    let found: EventReplay?
    do {
      found = try await services.catalog.cancelReplay(id, tenant: tenant.id)
    } catch {
      throw APIError(error)
    }
    guard let replay = found else { throw .replayNotFound }
    guard replay.status == .cancelled else {
      throw APIError(
        409, "REPLAY_ENDED", "the replay has ended already",
        context: [
          .init("replay_id", .integer(id)), .init("status", .string(replay.status.rawValue)),
        ])
    }
    services.logger.with(tenantId: tenant.name, traceId: context.traceID).info(
      "replay cancelled", [.detail: LogValue("\(id)")])
    return .json(status: 200, context) { Self.write(replay, &$0) }
  }

  func span(of tenant: TenantID) async throws(APIError) -> RetainedSpan {
    do {
      return try await services.bus.retainedSpan(of: tenant)
    } catch {
      throw .unavailable("ingest bus")
    }
  }

  private static func write(_ span: RetainedSpan, _ writer: inout JSONWriter) {
    writer.beginObject()
    writer.name("first_token")
    if let first = span.first { writer.integer(first.rawValue) } else { writer.null() }
    writer.name("first_published_at")
    if let time = span.firstPublishedAt { writer.string(time.rfc3339) } else { writer.null() }
    writer.member("last_token", span.head.rawValue)
    writer.endObject()
  }

  static func write(
    _ replay: EventReplay, batchEnd: VisibilityToken? = nil, _ writer: inout JSONWriter
  ) {
    writer.beginObject()
    writer.member("replay_id", replay.id)
    writer.member("status", replay.status.rawValue)
    writer.member("source_table", replay.sourceName)
    writer.member("target_table", replay.targetName)
    writer.member("from_token", replay.order.range.lowerBound.rawValue)
    writer.member("to_token", replay.order.range.upperBound.rawValue)
    writer.member("next_token", replay.next.rawValue)
    writer.member("series", replay.order.series)
    writer.member("event_count", replay.eventCount)
    writer.member("dead_letter_count", replay.rejectedCount)
    writer.member("max_visibility_token", replay.newest.rawValue)
    if let code = replay.errorCode {
      writer.member("error_code", code)
      writer.member("message", text(of: code))
    }
    if let batchEnd { writer.member("batch_last_token", batchEnd.rawValue) }
    writer.member("created_at", replay.createdAt.rfc3339)
    writer.member("updated_at", replay.updatedAt.rfc3339)
    writer.endObject()
  }

  private static func text(of code: String) -> String {
    switch code {
    case "TARGET_DROPPED": "the target was dropped"
    case "REPLAY_INCOMPATIBLE": "the target does not take the source's events any more"
    case "EVENTS_NOT_RETAINED": "events of the range are not kept any more"
    case "BATCH_OF_FILES": "next_token is in a batch whose rows were uploaded as files"
    default: "the events from next_token on cannot be read"
    }
  }
}

extension APIError {
  static let replayNotFound = APIError(404, "REPLAY_NOT_FOUND", "there is no such replay")
}
