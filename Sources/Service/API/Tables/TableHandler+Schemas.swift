import Catalog
import Edge
import HTTPServer
import Model
import Observability
import SimdJSON

/// `PATCH /v1/tables/{table}` and the versions of a schema.
extension TableHandler {
  private static let alterationFields: Set<String> = [
    "schema_json", "compatibility_mode", "base_version", "dry_run",
  ]

  /// How often a change is worked out anew because another one came first.
  private static let alterationAttempts = 4

  /// What a client asks a table to become.
  private struct Request {
    let schema: ProposedSchema?
    let mode: CompatibilityMode?
    /// The version that the client has seen; nil to change whatever there is.
    let baseVersion: Int64?
    let isDryRun: Bool
  }

  func alter(_ request: HTTPRequest, _ context: RequestContext) async throws(APIError)
    -> HTTPResponse
  {
    let asked = try Self.alteration(request)
    let tenant = try await services.tenant(context, makes: false, missing: .tableNotFound)
    for _ in 0..<Self.alterationAttempts {
      let table = try await found(context.parameters[0], tenant)
      let evolution = try Self.evolution(of: table, asked)
      if asked.isDryRun { return Self.answer(table, evolution, tenant, context, isDryRun: true) }
      do {
        let altered = try await services.catalog.alterTable(evolution.alteration)
        services.directory.forget(table: table.name, of: tenant.id)
        log(altered, evolution, tenant, context)
        return Self.answer(altered, evolution, tenant, context, isDryRun: false)
      } catch .tableChanged {
        continue
      } catch {
        throw APIError(error)
      }
    }
    throw .unavailable("table")
  }

  func schemas(_ request: HTTPRequest, _ context: RequestContext) async throws(APIError)
    -> HTTPResponse
  {
    let page = try Page(request, limits: services.limits.request)
    var below: Int64?
    if let token = page.token {
      guard let version = Int64(token) else {
        throw .invalidField("page_token", "one that this server has given")
      }
      below = version
    }
    let tenant = try await services.tenant(context, makes: false, missing: .tableNotFound)
    let table = try await found(context.parameters[0], tenant)
    let versions: [TableVersion]
    do {
      versions = try await services.catalog.tableVersions(
        of: table.id, below: below, limit: page.limit + 1)
    } catch {
      throw APIError(error)
    }
    return .json(status: 200, context) { writer in
      writer.beginObject()
      writer.member("tenant_id", tenant.name)
      writer.member("table_name", table.name)
      writer.name("schemas")
      writer.beginArray()
      for version in versions.prefix(page.limit) { Self.write(version, &writer) }
      writer.endArray()
      if versions.count > page.limit {
        let last = versions[page.limit - 1].table.schemaVersion
        writer.member("next_page_token", Page.token(String(last)))
      }
      writer.endObject()
    }
  }

  private static func alteration(_ request: HTTPRequest) throws(APIError) -> Request {
    let fields = try RequestFields(body: request.body, known: alterationFields)
    var schema: ProposedSchema?
    if let value = fields["schema_json"] {
      schema = try readingSchema { () throws(SchemaError) in try ProposedSchema(json: value) }
    }
    let mode = try compatibilityMode(fields)
    guard schema != nil || mode != nil else {
      throw .invalidField("schema_json", "an object with \"columns\"")
    }
    return Request(
      schema: schema, mode: mode,
      baseVersion: try fields.integer("base_version", minimum: 1, maximum: .max),
      isDryRun: try fields.boolean("dry_run") ?? false)
  }

  private static func evolution(
    of table: TableRecord, _ asked: Request
  ) throws(APIError) -> SchemaEvolution {
    if let base = asked.baseVersion, base != table.schemaVersion {
      throw APIError(
        409, "SCHEMA_VERSION_CHANGED",
        "the table has another schema version than the one the change was made for",
        context: [
          .init("base_version", .integer(base)),
          .init("schema_version", .integer(table.schemaVersion)),
        ])
    }
    let mode = asked.mode ?? table.definition.compatibilityMode
    do throws(SchemaEvolution.Incompatible) {
      return try SchemaEvolution(
        of: table, to: asked.schema ?? ProposedSchema(schema: table.definition.schema), mode: mode)
    } catch {
      throw .schemaIncompatible(error.refusals, mode: mode)
    }
  }

  private static func answer(
    _ table: TableRecord, _ evolution: SchemaEvolution, _ tenant: TenantRecord,
    _ context: RequestContext, isDryRun: Bool
  ) -> HTTPResponse {
    .json(status: 200, context) { writer in
      writer.beginObject()
      writeMembers(of: table, tenant: tenant, &writer)
      writer.name("changes")
      writer.beginArray()
      for change in evolution.changes { write(change, &writer) }
      writer.endArray()
      if isDryRun { writer.member("dry_run", true) }
      writer.endObject()
    }
  }

  private static func write(_ change: SchemaChange, _ writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("change", change.name)
    if let column = change.column { writer.member("column", column) }
    switch change {
    case .renamed(let old, _): writer.member("renamed_from", old)
    case .widened(_, let old, let new), .replaced(_, let old, let new):
      writer.member("from", old.sqlName)
      writer.member("to", new.sqlName)
    default: break
    }
    writer.endObject()
  }

  private static func write(_ version: TableVersion, _ writer: inout JSONWriter) {
    let table = version.table
    writer.beginObject()
    writer.member("schema_version", table.schemaVersion)
    writer.name("schema_json")
    table.definition.schema.write(to: &writer)
    writer.member("compatibility_mode", table.definition.compatibilityMode.rawValue)
    if let column = table.definition.eventTimeColumn { writer.member("event_time_column", column) }
    writer.member("created_at", version.createdAt.rfc3339)
    writer.member("snapshot_id", table.versionBegin.rawValue)
    writer.endObject()
  }

  private func log(
    _ table: TableRecord, _ evolution: SchemaEvolution, _ tenant: TenantRecord,
    _ context: RequestContext
  ) {
    services.logger.with(tenantId: tenant.name, traceId: context.traceID).info(
      "table altered",
      [
        .tableName: LogValue(table.name), .tableId: LogValue(table.id.rawValue),
        .schemaVersion: LogValue(table.schemaVersion),
      ])
  }
}

extension APIError {
  /// - Parameter refusals: at least one.
  static func schemaIncompatible(
    _ refusals: [SchemaRefusal], mode: CompatibilityMode
  ) -> APIError {
    let names = Set(refusals.map { "\"\($0.column)\"" }).sorted().joined(separator: ", ")
    return APIError(
      409, "SCHEMA_INCOMPATIBLE",
      "the schema cannot follow the present one in mode \(mode.rawValue): see column \(names)",
      context: [
        .init("compatibility_mode", .string(mode.rawValue)),
        .init(
          "columns",
          .array(
            refusals.map {
              .object([
                .init("column", .string($0.column)), .init("change", .string($0.change)),
                .init("reason", .string($0.reason)),
              ])
            })),
      ])
  }
}
