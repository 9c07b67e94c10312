import Catalog
import HTTPServer
import Model
import SimdJSON

/// The routes under `/v1/snapshots`.
struct SnapshotHandler: Sendable {
  let services: APIServices

  func list(_ request: HTTPRequest, _ context: RequestContext) async throws(APIError)
    -> HTTPResponse
  {
    let page = try Page(request, limits: services.limits.request)
    var before: SnapshotID?
    if let token = page.token {
      guard let id = Int64(token) else {
        throw .invalidField("page_token", "one that this server has given")
      }
      before = SnapshotID(id)
    }
    let tenant = try await services.tenant(context, makes: false)
    let snapshots: [SnapshotRecord]
    let contents: [SnapshotID: [TableContent]]
    do throws(CatalogError) {
      snapshots = try await services.catalog.snapshots(
        tenant: tenant.id, before: before, limit: page.limit + 1)
      contents = try await services.catalog.contents(
        of: snapshots.prefix(page.limit).map(\.id), tenant: tenant.id)
    } catch {
      throw APIError(error)
    }
    return .json(status: 200, context) { writer in
      writer.beginObject()
      writer.name("snapshots")
      writer.beginArray()
      // One that expired since it was listed has no contents any more.
      for snapshot in snapshots {
        if let tables = contents[snapshot.id] { Self.write(snapshot, tables, &writer) }
      }
      writer.endArray()
      if snapshots.count > page.limit {
        writer.member(
          "next_page_token", Page.token(String(snapshots[page.limit - 1].id.rawValue)))
      }
      writer.endObject()
    }
  }

  func get(_ context: RequestContext) async throws(APIError) -> HTTPResponse {
    let tenant = try await services.tenant(
      context, makes: false, missing: .snapshotNotFound)
    guard let id = Int64(context.parameters[0]) else { throw .snapshotNotFound }
    let snapshot: SnapshotRecord
    let contents: [TableContent]?
    do throws(CatalogError) {
      snapshot = try await services.catalog.snapshot(SnapshotID(id), tenant: tenant.id)
      contents = try await services.catalog.contents(of: [snapshot.id], tenant: tenant.id)[
        snapshot.id]
    } catch {
      throw APIError(error)
    }
    guard let tables = contents else { throw .snapshotNotFound }
    return .json(status: 200, context) { Self.write(snapshot, tables, &$0) }
  }

  private static func write(
    _ snapshot: SnapshotRecord, _ tables: [TableContent], _ writer: inout JSONWriter
  ) {
    writer.beginObject()
    writer.member("snapshot_id", snapshot.id.rawValue)
    writer.member("created_at", snapshot.time.rfc3339)
    writer.member("created_by", snapshot.createdBy)
    writer.member("max_visibility_token", snapshot.watermark.rawValue)
    writer.name("parent_snapshot_id")
    if let parent = snapshot.parent { writer.integer(parent.rawValue) } else { writer.null() }
    writer.name("tables")
    writer.beginArray()
    for table in tables {
      writer.beginObject()
      writer.member("table_name", table.name)
      writer.member("max_visibility_token", table.watermark.rawValue)
      writer.member("files", table.files)
      writer.member("rows", table.rows)
      writer.member("bytes", table.bytes)
      writer.endObject()
    }
    writer.endArray()
    writer.member("pinned", snapshot.pin != nil)
    if let pin = snapshot.pin {
      writer.name("pin")
      writer.beginObject()
      PinHandler.writeMembers(of: pin, &writer)
      writer.endObject()
    }
    if let origin = snapshot.restoredFrom { writer.member("restored_from", origin.rawValue) }
    writer.endObject()
  }
}
