import Catalog
import Model

extension APIServices {
  /// Waits until a durable write can be queried.
  ///
  /// - Parameter timeoutMs: nil for the limit that the server has.
  /// - Returns: a snapshot that has the token.
  func waitForVisibility(
    of token: VisibilityToken, tenant: TenantID, timeoutMs: Int?
  ) async throws(APIError) -> SnapshotID {
    let timeout = timeoutMs ?? limits.request.visibilityTimeoutMs
    switch await hub.wait(tenant: tenant, token: token, timeoutMs: timeout) {
    case .visible(let watermark):
      return watermark.snapshot
    case .timedOut, .cancelled:
      metrics.freshness.consistencyTimeouts.with("ingest").increment()
      throw .consistencyTimeout(requested: token, latest: hub.watermark(of: tenant)?.token ?? .none)
    case .refused:
      throw APIError(
        429, "QUEUE_FULL", "the write is durable, but too many requests wait for visibility",
        isRetryable: true, context: [.init("requested_token", .integer(token.rawValue))])
    }
  }
}
