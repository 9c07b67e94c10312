import HTTPServer
import Maintenance
import Model
import SimdJSON

/// `POST /v1/snapshots/restore`.
struct RestoreHandler: Sendable {
  private static let fields: Set<String> = ["snapshot_id", "tables"]

  let services: APIServices

  func restore(_ request: HTTPRequest, _ context: RequestContext) async throws(APIError)
    -> HTTPResponse
  {
    guard let maintenance = services.maintenance else { throw .roleNotServed([.maintenance]) }
    let fields = try RequestFields(body: request.body, known: Self.fields)
    guard let id = try fields.integer("snapshot_id", minimum: 0, maximum: .max) else {
      throw .invalidField("snapshot_id", "a snapshot's id")
    }
    let names = try names(fields)
    let tenant = try await services.tenant(context, makes: false, missing: .snapshotNotFound)
    let summary: RestoreSummary
    do {
      summary = try await maintenance.restore(SnapshotID(id), names: names, tenant: tenant.id)
    } catch {
      throw APIError(error)
    }
    services.directory.forgetTables(of: tenant.id)
    return .json(status: 200, context) { writer in
      writer.beginObject()
      writer.member("snapshot_id", summary.commit.snapshot.rawValue)
      writer.member("created_at", summary.commit.time.rfc3339)
      writer.member("restored_from", id)
      writer.name("tables")
      writer.beginArray()
      for table in summary.tables { writer.string(table) }
      writer.endArray()
      writer.member("restored_rows", summary.restoredRows)
      writer.name("undone_rows")
      if let rows = summary.undoneRows { writer.integer(rows) } else { writer.null() }
      writer.member("files_kept", summary.filesKept)
      writer.member("files_linked", summary.filesLinked)
      writer.member("files_rewritten", summary.filesRewritten)
      writer.endObject()
    }
  }

  private func names(_ fields: RequestFields) throws(APIError) -> [String]? {
    guard let value = fields["tables"] else { return nil }
    let names = (value.elements ?? []).compactMap(\.text)
    guard !names.isEmpty, names.count == value.elements?.count,
      Set(names.map { $0.lowercased() }).count == names.count
    else { throw .invalidField("tables", "a list of names of tables, each once") }
    return names
  }
}

extension APIError {
  init(_ failure: RestoreFailure) {
    switch failure {
    case .snapshotNotFound: self = .snapshotNotFound
    case .tablesNotFound(let names) where names.isEmpty:
      self.init(404, "TABLE_NOT_FOUND", "the snapshot shows no table")
    case .tablesNotFound(let names): self = .tableNotFound(named: names)
    case .nameTaken(let name):
      self.init(
        409, "TABLE_EXISTS",
        "a dropped table cannot come back while another one has its name",
        context: [.init("table_name", .string(name))])
    case .incompatible(let table, let columns):
      self.init(
        409, "RESTORE_INCOMPATIBLE",
        "the table has columns that must have a value, and the old rows have none for them",
        context: [
          .init("table_name", .string(table)),
          .init("columns", .array(columns.map { .string($0) })),
        ])
    case .busy:
      self.init(
        503, "RESTORE_BUSY", "the tables are being merged, restored or changed; ask again",
        isRetryable: true)
    case .environment(.storageFull): self = .storageFull
    case .environment(let error): self = .unavailable(error.component)
    }
  }
}
