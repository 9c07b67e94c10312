import Catalog
import Edge
import HTTPServer
import Model
import Observability
import SimdJSON

/// The routes under `/v1/tables`.
struct TableHandler: Sendable {
  let services: APIServices

  private static let fields: Set<String> = [
    "table_name", "schema_json", "compatibility_mode", "event_time_column",
    "primary_key_cols", "on_existing_key", "partition_spec", "sort_order", "sample_records",
    "dry_run",
  ]

  func create(_ request: HTTPRequest, _ context: RequestContext) async throws(APIError)
    -> HTTPResponse
  {
    let (definition, isDryRun) = try definition(request)
    if isDryRun {
      return .json(status: 200, context) { Self.write(proposal: definition, &$0) }
    }
    let tenant = try await services.tenant(context, makes: true)
    let table: TableRecord
    do {
      table = try await services.catalog.createTable(definition, tenant: tenant.id)
    } catch {
      throw APIError(error)
    }
    services.directory.forget(table: table.name, of: tenant.id)
    services.logger.with(tenantId: tenant.name, traceId: context.traceID).info(
      "table created",
      [.tableName: LogValue(table.name), .tableId: LogValue(table.id.rawValue)])
    var response = HTTPResponse.json(status: 201, context) {
      Self.write(table, tenant: tenant, &$0)
    }
    response.fields.append(.init("Location", "/v1/tables/\(table.name)"))
    return response
  }

  func get(_ context: RequestContext) async throws(APIError) -> HTTPResponse {
    let tenant = try await services.tenant(context, makes: false, missing: .tableNotFound)
    let table = try await found(context.parameters[0], tenant)
    return .json(status: 200, context) { Self.write(table, tenant: tenant, &$0) }
  }

  func list(_ request: HTTPRequest, _ context: RequestContext) async throws(APIError)
    -> HTTPResponse
  {
    let page = try Page(request, limits: services.limits.request)
    let tenant = try await services.tenant(context, makes: false)
    let tables: [TableRecord]
    do {
      tables = try await services.catalog.tables(
        tenant: tenant.id, after: page.token, limit: page.limit + 1)
    } catch {
      throw APIError(error)
    }
    return .json(status: 200, context) { writer in
      writer.beginObject()
      writer.member("tenant_id", tenant.name)
      writer.name("tables")
      writer.beginArray()
      for table in tables.prefix(page.limit) { Self.write(table, tenant: tenant, &writer) }
      writer.endArray()
      if tables.count > page.limit {
        writer.member("next_page_token", Page.token(tables[page.limit - 1].name))
      }
      writer.endObject()
    }
  }

  func delete(_ context: RequestContext) async throws(APIError) -> HTTPResponse {
    let tenant = try await services.tenant(context, makes: false, missing: .tableNotFound)
    let table: TableRecord
    do {
      table = try await services.catalog.dropTable(
        named: context.parameters[0], tenant: tenant.id)
    } catch {
      throw APIError(error)
    }
    services.directory.forget(table: table.name, of: tenant.id)
    services.logger.with(tenantId: tenant.name, traceId: context.traceID).info(
      "table dropped",
      [.tableName: LogValue(table.name), .tableId: LogValue(table.id.rawValue)])
    return .json(status: 200, context) { writer in
      writer.beginObject()
      writer.member("status", "deleted")
      writer.member("table_name", table.name)
      writer.endObject()
    }
  }

  func found(_ name: String, _ tenant: TenantRecord) async throws(APIError)
    -> TableRecord
  {
    let table: TableRecord?
    do {
      table = try await services.catalog.table(named: name, tenant: tenant.id)
    } catch {
      throw APIError(error)
    }
    guard let table else { throw .tableNotFound(named: [name]) }
    return table
  }

  private func definition(
    _ request: HTTPRequest
  ) throws(APIError) -> (definition: TableDefinition, isDryRun: Bool) {
    let fields = try RequestFields(body: request.body, known: Self.fields)
    guard let name = try fields.text("table_name") else {
      throw .invalidField("table_name", "a string")
    }
    do throws(NameError) {
      try Names.checkTable(name)
    } catch {
      throw .invalidField("table_name", "a valid name: \(error.explanation)")
    }
    var schema = try Self.schema(fields)
    let mode = try Self.compatibilityMode(fields) ?? .backward
    let eventTime = try fields.text("event_time_column")
    if let eventTime {
      do throws(SchemaError) {
        try schema.checkEventTimeColumn(eventTime)
      } catch {
        throw .invalidField("event_time_column", "a column of type TIMESTAMPTZ or TIMESTAMP")
      }
    }
    let (primaryKey, onExistingKey) = try Self.key(fields)
    do throws(SchemaError) {
      schema = try schema.withPrimaryKey(primaryKey)
    } catch {
      throw .invalidField("primary_key_cols", "an array: \(error.explanation)")
    }
    let definition = TableDefinition(
      name: name, schema: schema, compatibilityMode: mode, eventTimeColumn: eventTime,
      primaryKey: primaryKey, onExistingKey: onExistingKey,
      layout: try Self.layout(fields, of: schema))
    return (definition, try fields.boolean("dry_run") ?? false)
  }

  /// As the request has it, or as its sample suggests.
  private static func schema(_ fields: RequestFields) throws(APIError) -> TableSchema {
    guard let sample = fields["sample_records"] else {
      guard let value = fields["schema_json"] else {
        throw .invalidField("schema_json", "an object with \"columns\"")
      }
      return try readingSchema { () throws(SchemaError) in try TableSchema(json: value) }
    }
    guard fields["schema_json"] == nil else {
      throw .invalidField("sample_records", "absent beside \"schema_json\"")
    }
    do throws(SampleInference.Failure) {
      return try SampleInference.schema(of: sample)
    } catch {
      if case .schema(let problem) = error {
        throw APIError(400, "SCHEMA_INVALID", problem.explanation)
      }
      throw .invalidField("sample_records", "an array of payloads: \(error.explanation)")
    }
  }

  static func readingSchema<Schema>(
    _ read: () throws(SchemaError) -> Schema
  ) throws(APIError) -> Schema {
    do {
      return try read()
    } catch {
      if case .unknownField(let field) = error { throw .unknownField(field) }
      throw APIError(400, "SCHEMA_INVALID", error.explanation)
    }
  }

  static func compatibilityMode(
    _ fields: RequestFields
  ) throws(APIError) -> CompatibilityMode? {
    guard let text = try fields.text("compatibility_mode") else { return nil }
    guard let mode = CompatibilityMode(rawValue: text) else {
      throw .invalidField("compatibility_mode", "backward, forward, full or none")
    }
    return mode
  }

  /// What a request says of the primary key; none unless it names columns.
  private static func key(
    _ fields: RequestFields
  ) throws(APIError) -> (columns: [String], onExisting: ExistingKeyRule) {
    var columns: [String] = []
    if let value = fields["primary_key_cols"] {
      let names = value.elements?.map(\.text)
      guard let names, names.allSatisfy({ $0 != nil }) else {
        throw .invalidField("primary_key_cols", "an array of column names")
      }
      columns = names.compactMap { $0 }
    }
    guard let text = try fields.text("on_existing_key") else { return (columns, .upsert) }
    guard let rule = ExistingKeyRule(rawValue: text) else {
      throw .invalidField("on_existing_key", "upsert or dead_letter")
    }
    guard !columns.isEmpty else {
      throw .invalidField("on_existing_key", "absent for a table without \"primary_key_cols\"")
    }
    return (columns, rule)
  }

  /// What a request says of partitions and order.
  private static func layout(
    _ fields: RequestFields, of schema: TableSchema
  ) throws(APIError) -> TableLayout {
    let partitioning = try layoutField("partition_spec", fields) {
      (value: JSONValue) throws -> [PartitionField] in
      let partitioning = try TableLayout.partitioning(json: value)
      try schema.check(partitioning: partitioning)
      return partitioning
    }
    let sortOrder = try layoutField("sort_order", fields) {
      (value: JSONValue) throws -> [SortField] in
      let sortOrder = try TableLayout.sortOrder(json: value)
      try schema.check(sortOrder: sortOrder)
      return sortOrder
    }
    return TableLayout(partitioning: partitioning, sortOrder: sortOrder)
  }

  private static func layoutField<Field>(
    _ name: String, _ fields: RequestFields, _ read: (JSONValue) throws -> [Field]
  ) throws(APIError) -> [Field] {
    guard let value = fields[name] else { return [] }
    do {
      return try read(value)
    } catch let problem as LayoutProblem {
      throw .invalidField(name, "an array: \(problem.explanation)")
    } catch let malformed as MalformedLayout {
      throw .invalidField(name, "an array: \(malformed.expected)")
    } catch {
      throw .invalidField(name, "an array")
    }
  }

  private static func write(
    _ table: TableRecord, tenant: TenantRecord, _ writer: inout JSONWriter
  ) {
    writer.beginObject()
    writeMembers(of: table, tenant: tenant, &writer)
    writer.endObject()
  }

  static func writeMembers(
    of table: TableRecord, tenant: TenantRecord, _ writer: inout JSONWriter
  ) {
    writer.member("table_id", table.id.rawValue)
    writer.member("tenant_id", tenant.name)
    writer.member("table_name", table.name)
    writer.member("schema_version", table.schemaVersion)
    writeMembers(of: table.definition, &writer)
    writer.member("created_at", table.createdAt.rfc3339)
  }

  private static func writeMembers(
    of definition: TableDefinition, _ writer: inout JSONWriter
  ) {
    writer.name("schema_json")
    definition.schema.write(to: &writer)
    writer.name("primary_key_cols")
    writer.beginArray()
    for name in definition.primaryKey { writer.string(name) }
    writer.endArray()
    if definition.isKeyed {
      writer.member("on_existing_key", definition.onExistingKey.rawValue)
    }
    definition.layout.write(to: &writer)
    writer.member("compatibility_mode", definition.compatibilityMode.rawValue)
    if let column = definition.eventTimeColumn { writer.member("event_time_column", column) }
  }

  /// A table that was asked for and not made.
  private static func write(proposal definition: TableDefinition, _ writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("table_name", definition.name)
    writeMembers(of: definition, &writer)
    writer.member("dry_run", true)
    writer.endObject()
  }
}
