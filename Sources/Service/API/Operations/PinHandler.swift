import Catalog
import HTTPServer
import Model
import Observability
import Runtime
import SimdJSON

/// `POST /v1/snapshots/pin` and `DELETE /v1/snapshots/pin/{id}`.
struct PinHandler: Sendable {
  private static let fields: Set<String> = ["snapshot_id", "name", "expires_at"]
  private static let nameBytes = 200

  let services: APIServices

  func pin(_ request: HTTPRequest, _ context: RequestContext) async throws(APIError)
    -> HTTPResponse
  {
    let fields = try RequestFields(body: request.body, known: Self.fields)
    guard let id = try fields.integer("snapshot_id", minimum: 0, maximum: .max) else {
      throw .invalidField("snapshot_id", "a snapshot's id")
    }
    let name = try fields.text("name")
    guard name?.utf8.count ?? 0 <= Self.nameBytes, name?.utf8.contains(0) != true else {
      throw .invalidField("name", "a text of at most \(Self.nameBytes) bytes without NUL")
    }
    let expiresAt = try expiry(fields)
    let tenant = try await services.tenant(context, makes: false, missing: .snapshotNotFound)
    let limit = services.limits.maintenance.pinsPerTenant
    let pin: SnapshotPin?
    do {
      pin = try await services.catalog.pin(
        SnapshotID(id), name: name, expiresAt: expiresAt, tenant: tenant.id, limit: limit)
    } catch {
      throw APIError(error)
    }
    guard let pin else {
      throw APIError(
        409, "PIN_LIMIT_REACHED", "the tenant has as many pins as it may; take one away first",
        context: [.init("maximum", .integer(limit))])
    }
    services.logger.with(tenantId: tenant.name, traceId: context.traceID).info(
      "snapshot pinned", [.snapshotId: LogValue(id)])
    return .json(status: 200, context) { writer in
      writer.beginObject()
      writer.member("snapshot_id", id)
      Self.writeMembers(of: pin, &writer)
      writer.endObject()
    }
  }

  func unpin(_ context: RequestContext) async throws(APIError) -> HTTPResponse {
    let missing = APIError(404, "PIN_NOT_FOUND", "the snapshot is not pinned")
    let tenant = try await services.tenant(context, makes: false, missing: missing)
    guard let id = Int64(context.parameters[0]) else { throw missing }
    let wasPinned: Bool
    do {
      wasPinned = try await services.catalog.unpin(SnapshotID(id), tenant: tenant.id)
    } catch {
      throw APIError(error)
    }
    guard wasPinned else { throw missing }
    services.logger.with(tenantId: tenant.name, traceId: context.traceID).info(
      "snapshot unpinned", [.snapshotId: LogValue(id)])
    return .json(status: 200, context) { writer in
      writer.beginObject()
      writer.member("status", "unpinned")
      writer.member("snapshot_id", id)
      writer.endObject()
    }
  }

  private func expiry(_ fields: RequestFields) throws(APIError) -> Timestamp? {
    guard let text = try fields.text("expires_at") else { return nil }
    guard let time = Timestamp(parsing: text),
      time.microseconds > SystemWallClock().nowMicroseconds
    else { throw .invalidField("expires_at", "a time to come, such as 2099-01-31T12:00:00Z") }
    return time
  }

  /// Name, beginning and end of a pin.
  static func writeMembers(of pin: SnapshotPin, _ writer: inout JSONWriter) {
    writer.name("name")
    if let name = pin.name { writer.string(name) } else { writer.null() }
    writer.member("created_at", pin.createdAt.rfc3339)
    writer.name("expires_at")
    if let end = pin.expiresAt { writer.string(end.rfc3339) } else { writer.null() }
  }
}
