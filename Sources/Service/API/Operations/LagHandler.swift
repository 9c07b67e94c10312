import Catalog
import HTTPServer
import Model
import Observability
import SimdJSON

/// `GET /v1/lag`: where a tenant's events are.
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
    let pending = progress.pending
    let claimed = min(pending, services.coordinator?.claimedEvents(of: tenant.id) ?? 0)
    let now = Timestamp(microseconds: SystemTime.nowMicroseconds)
    return .json(status: 200, context) { writer in
      writer.beginObject()
      writer.member("tenant_id", tenant.name)
      writer.member("accepted_events", progress.accepted)
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
}
