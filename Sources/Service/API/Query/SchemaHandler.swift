import HTTPServer
import Model
import Query
import Runtime
import SimdJSON
import WorkerProtocol

/// `GET /v1/ui/schema`: what a console or an assistant has to know to write a query.
struct SchemaHandler: Sendable {
  let services: APIServices

  private static let defaultSampleRows = 3
  private static let maximumSampleRows = 20
  /// A table whose sample is larger is shown without.
  private static let sampleBytes: UInt64 = 256 << 10

  private struct Entry {
    let table: ListedTable
    /// A JSON array of rows; nil when there was no time for it, or the rows are too large.
    let sample: [UInt8]?
  }

  func handle(_ request: HTTPRequest, _ context: RequestContext) async throws(APIError)
    -> HTTPResponse
  {
    guard let queries = services.queries else { throw .roleNotServed([.query]) }
    let page = try Page(request, limits: services.limits.request)
    let sampleRows = try Self.sampleRows(request)
    let tenant = try await services.tenant(context, makes: false)
    let target: QueryTarget
    let tables: [ListedTable]
    do throws(QueryError) {
      target = try await queries.target(of: Self.latest, tenant: tenant)
      tables = try await queries.tables(at: target)
    } catch {
      throw APIError(error)
    }
    let rest = tables.filter { table in
      page.token.map { table.name.lowercased() > $0.lowercased() } ?? true
    }
    let entries = await entries(
      of: Array(rest.prefix(page.limit)), sampleRows: sampleRows, queries, target)
    return .json(status: 200, context) { writer in
      writer.beginObject()
      writer.member("tenant_id", tenant.name)
      writer.member("snapshot_id", target.snapshot.id.rawValue)
      writer.member("snapshot_time", target.snapshot.time.rfc3339)
      writer.member("max_visibility_token", target.snapshot.watermark.rawValue)
      writer.name("tables")
      writer.beginArray()
      for entry in entries { Self.write(entry, &writer) }
      writer.endArray()
      if rest.count > page.limit {
        writer.member("next_page_token", Page.token(rest[page.limit - 1].name))
      }
      writer.endObject()
    }
  }

  /// Reads the samples one after the other, for as long as a query may take in all.
  private func entries(
    of tables: [ListedTable], sampleRows: Int, _ queries: QueryService, _ target: QueryTarget
  ) async -> [Entry] {
    let deadline = services.clock.now.advanced(byMs: services.limits.query.timeoutMs)
    var entries: [Entry] = []
    for table in tables {
      let left = Int((deadline - services.clock.now).milliseconds)
      var sample: [UInt8]?
      if sampleRows == 0 {
        sample = Array("[]".utf8)
      } else if left > 0, !Task.isCancelled {
        let sink = BufferedAnswer()
        do throws(QueryError) {
          try await queries.sample(
            of: table.name, rows: sampleRows, byteLimit: Self.sampleBytes, timeoutMs: left,
            at: target, output: sink)
          sample = sink.take().rows
        } catch {
          // The columns are worth showing all the same.
        }
      }
      entries.append(Entry(table: table, sample: sample))
    }
    return entries
  }

  private static let latest = QueryRequest(
    statement: WorkerQuery(sql: ""), selector: .latest, consistencyTimeoutMs: 0, timeoutMs: 1,
    allowsDeadLetters: true)

  private static func sampleRows(_ request: HTTPRequest) throws(APIError) -> Int {
    guard let text = request.head.target.queryValue("sample_rows") else { return defaultSampleRows }
    guard let count = Int(text), count >= 0 else {
      throw .invalidField("sample_rows", "an integer of at least 0")
    }
    guard count <= maximumSampleRows else {
      throw .limitExceeded("sample_rows", maximum: maximumSampleRows)
    }
    return count
  }

  private static func write(_ entry: Entry, _ writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("table_name", entry.table.name)
    if let comment = entry.table.comment { writer.member("comment", comment) }
    writer.name("columns")
    writer.beginArray()
    for column in entry.table.columns {
      writer.beginObject()
      writer.member("name", column.name)
      writer.member("type", column.type)
      writer.member("nullable", column.isNullable)
      if let text = column.defaultText { writer.member("default", text) }
      if let comment = column.comment { writer.member("comment", comment) }
      writer.endObject()
    }
    writer.endArray()
    writer.name("sample_rows")
    if let sample = entry.sample { writer.raw(sample) } else { writer.null() }
    writer.endObject()
  }
}
