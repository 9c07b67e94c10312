import Catalog
import HTTPServer
import Model
import Observability
import SimdJSON

/// `GET /v1/lag` and `GET /v1/dead-letters`: where a tenant's events are.
struct LagHandler: Sendable {
  let services: APIServices

  func lag(_ context: RequestContext) async throws(APIError) -> HTTPResponse {
    let tenant = try await services.tenant(context, makes: false)
    let progress: TenantProgress
    do {
      progress = try await services.catalog.progress(tenant: tenant.id)
    } catch {
      throw APIError(error)
    }
    let pending = progress.head.rawValue - progress.watermark.rawValue
    let claimed = min(pending, services.coordinator?.claimedEvents(of: tenant.id) ?? 0)
    let now = Timestamp(microseconds: SystemTime.nowMicroseconds)
    return .json(status: 200, context) { writer in
      writer.beginObject()
      writer.member("tenant_id", tenant.name)
      writer.member("accepted_events", progress.head.rawValue)
      writer.member("claimed_events", claimed)
      writer.member("pending_events", pending)
      writer.member(
        "oldest_pending_lag_ms",
        progress.oldestPendingAt.map { max(0, now.milliseconds(since: $0)) } ?? 0)
      writer.member("token_lag", pending)
      writer.member("latest_visibility_token", progress.watermark.rawValue)
      writer.member("latest_snapshot_id", progress.latest.id.rawValue)
      writer.member("latest_snapshot_time", progress.latest.time.rfc3339)
      writer.member("dead_letter_events", progress.deadLetters)
      writer.endObject()
    }
  }

  func deadLetters(_ request: HTTPRequest, _ context: RequestContext) async throws(APIError)
    -> HTTPResponse
  {
    let page = try Page(request, limits: services.limits.request)
    var after: Int64?
    if let token = page.token {
      guard let id = Int64(token) else {
        throw .invalidField("page_token", "one that this server has given")
      }
      after = id
    }
    let tenant = try await services.tenant(context, makes: false)
    let letters: [DeadLetterRecord]
    do {
      letters = try await services.catalog.deadLetters(
        tenant: tenant.id, tokens: nil, after: after, limit: page.limit + 1)
    } catch {
      throw APIError(error)
    }
    return .json(status: 200, context) { writer in
      writer.beginObject()
      writer.name("dead_letters")
      writer.beginArray()
      for letter in letters.prefix(page.limit) { Self.write(letter, &writer) }
      writer.endArray()
      if letters.count > page.limit {
        writer.member("next_page_token", Page.token(String(letters[page.limit - 1].id)))
      }
      writer.endObject()
    }
  }

  private static func write(_ letter: DeadLetterRecord, _ writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("dead_letter_id", letter.id)
    writer.member("table_name", letter.tableName)
    writer.member("token", letter.token.rawValue)
    writer.member("reason", letter.reason)
    writer.member("message", letter.message)
    writer.member("idempotency_key", String(decoding: letter.idempotencyKey, as: UTF8.self))
    // The edge has read it as JSON before it was set aside.
    writer.name("payload")
    writer.raw(letter.payload)
    writer.member("created_at", letter.createdAt.rfc3339)
    writer.endObject()
  }
}
