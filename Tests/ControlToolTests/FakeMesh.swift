import ControlTool
import HTTPServer
import Synchronization

/// The documented contract of tables, ingest and query in memory, with faults on demand. It keeps
/// what it was asked, so that a test can tell what the tool really sent.
final class FakeMesh: Sendable {
  /// What happens to one ingest request.
  enum Fault: Sendable {
    case none
    /// Refused before anything is stored.
    case refuse(status: Int, code: String, retryAfterSeconds: Int?)
    /// Stored, but the answer never arrives: a gateway says so instead.
    case loseAnswer
    /// Refused for one record, by its place in the request.
    case violation(recordIndex: Int)
    /// Stored, but the record at this place went to the dead letters.
    case deadLetter(recordIndex: Int)
    /// Stored, and a wait for visibility finds that the record became a dead letter after all.
    case lateDeadLetter(recordIndex: Int)
    /// Stored, but not visible when the wait runs out.
    case notVisible
  }

  struct Record: Sendable, Equatable {
    var table: String
    var key: String
    var payload: JSONValue
  }

  private struct State {
    var schemas: [String: JSONValue] = [:]
    var records: [Record] = []
    var keys: [String: Int] = [:]
    var ingestBodies: [JSONValue] = []
    var headers: [String: String] = [:]
    var queries: [JSONValue] = []
  }

  private let state = Mutex(State())
  /// By the number of the ingest request, from 0.
  private let fault: @Sendable (Int) -> Fault
  /// Called with each ingest request's number before it is answered.
  private let onIngest: @Sendable (Int) -> Void
  /// Whether the credential has a role that sees tables.
  private let showsTables: Bool

  init(
    showsTables: Bool = true, onIngest: @escaping @Sendable (Int) -> Void = { _ in },
    fault: @escaping @Sendable (Int) -> Fault = { _ in .none }
  ) {
    self.showsTables = showsTables
    self.onIngest = onIngest
    self.fault = fault
  }

  var records: [Record] { state.withLock { $0.records } }
  var ingestBodies: [JSONValue] { state.withLock { $0.ingestBodies } }
  var queries: [JSONValue] { state.withLock { $0.queries } }
  var lastHeaders: [String: String] { state.withLock { $0.headers } }
  var schemas: [String: JSONValue] { state.withLock { $0.schemas } }

  func addTable(_ name: String, _ columns: [(String, String)]) {
    let schema = TableSchema(columns: columns.map { .init(name: $0.0, typeName: $0.1) }).json
    state.withLock { $0.schemas[name] = schema }
  }

  /// Serves for as long as the closure runs.
  func serve<Result: Sendable>(
    _ body: (_ url: String) async throws -> Result
  ) async throws -> Result {
    let hooks = HTTPServerHooks(handler: { [self] request in answer(request) })
    let server = try HTTPServer(options: HTTPServerOptions(), hooks: hooks)
    do {
      let result = try await body("http://127.0.0.1:\(server.port)")
      _ = await server.stopNow()
      return result
    } catch {
      _ = await server.stopNow()
      throw error
    }
  }

  private func answer(_ request: HTTPRequest) -> HTTPResponse {
    state.withLock { state in
      for name in ["X-API-Key", "X-Tenant-ID", "Accept"] {
        state.headers[name] = request.headers[name]
      }
    }
    let body = (try? JSONValue(parsing: request.body)) ?? .null
    let path = request.pathSegments
    switch (request.method, path.dropFirst().first, path.count) {
    case (.get, "tables", 3): return table(path[2])
    case (.post, "tables", 2): return createTable(body)
    case (.post, "ingest", 3): return ingest(path[2], body)
    case (.post, "query", 2): return query(body, accept: request.headers["Accept"] ?? "")
    case (.get, "lag", 2):
      return json(200, .object([.init(name: "pending_events", value: JSONValue(7))]))
    case (.get, "ready", 2):
      let state = JSONValue.object([.init(name: "catalog", value: .string("failed"))])
      return json(503, .object([.init(name: "checks", value: state)]))
    default: return error(404, "ROUTE_NOT_FOUND", "no such route")
    }
  }

  private func table(_ name: String) -> HTTPResponse {
    guard showsTables else { return error(403, "FORBIDDEN", "the credential lacks the role") }
    guard let schema = schemas[name] else {
      return error(404, "TABLE_NOT_FOUND", "there is no such table")
    }
    return json(
      200,
      .object([
        .init(name: "table_name", value: .string(name)), .init(name: "schema_json", value: schema),
      ]))
  }

  private func createTable(_ body: JSONValue) -> HTTPResponse {
    guard let name = body["table_name"]?.text, let schema = body["schema_json"] else {
      return error(400, "INVALID_JSON", "a table needs a name and a schema")
    }
    let isNew = state.withLock { state in
      guard state.schemas[name] == nil else { return false }
      state.schemas[name] = schema
      return true
    }
    return isNew ? json(201, body) : error(409, "TABLE_EXISTS", "there is such a table")
  }

  private func ingest(_ table: String, _ body: JSONValue) -> HTTPResponse {
    let number = state.withLock { state in
      state.ingestBodies.append(body)
      return state.ingestBodies.count - 1
    }
    onIngest(number)
    switch fault(number) {
    case .none:
      return store(table, body)
    case .refuse(let status, let code, let seconds):
      var response = error(status, code, "refused on purpose")
      if let seconds { response.fields.append(.init("Retry-After", String(seconds))) }
      return response
    case .loseAnswer:
      _ = store(table, body)
      return HTTPResponse(status: 502)
    case .violation(let index):
      let violation = JSONValue.object([
        .init(name: "record_index", value: JSONValue(index)),
        .init(name: "column", value: .string("amount")),
        .init(name: "expected", value: .string("BIGINT")),
      ])
      return error(
        400, "SCHEMA_VIOLATION", "a record does not fit",
        context: .object([.init(name: "violations", value: .array([violation]))]))
    case .deadLetter(let index):
      let letter = JSONValue.object([
        .init(name: "index", value: JSONValue(index)), .init(name: "token", value: JSONValue(1)),
        .init(name: "reason", value: .string("out of range")),
      ])
      return store(table, body, deadLettered: [letter])
    case .lateDeadLetter(let index):
      let letter = JSONValue.object([
        .init(name: "index", value: JSONValue(index)), .init(name: "token", value: JSONValue(1)),
        .init(name: "reason", value: .string("TABLE_DROPPED")),
        .init(name: "message", value: .string("the table is gone")),
      ])
      return refuseAfterStoring(
        table, body, 422, "DEAD_LETTERED", [.init(name: "dead_lettered", value: .array([letter]))])
    case .notVisible:
      return refuseAfterStoring(table, body, 504, "CONSISTENCY_TIMEOUT", [])
    }
  }

  /// An error answer about a write that stands, with its receipt in the context.
  private func refuseAfterStoring(
    _ table: String, _ body: JSONValue, _ status: Int, _ code: String,
    _ context: [JSONValue.Member]
  ) -> HTTPResponse {
    let receipt = store(table, body)
    let counts = ["accepted_count", "duplicate_count", "max_visibility_token"]
    guard case .bytes(let bytes) = receipt.body else { return receipt }
    let members = (try? JSONValue(parsing: bytes))?.members ?? []
    return error(
      status, code, "told after the write",
      context: .object(context + members.filter { counts.contains($0.name) }))
  }

  private func store(
    _ table: String, _ body: JSONValue, deadLettered: [JSONValue] = []
  ) -> HTTPResponse {
    var accepted = 0
    var duplicates = 0
    let conflict: Bool = state.withLock { state in
      for entry in body["records"]?.array ?? [] {
        guard let key = entry["idempotency_key"]?.text, let payload = entry["payload"] else {
          return true
        }
        let record = Record(table: table, key: key, payload: payload)
        if let index = state.keys[table + "/" + key] {
          guard state.records[index] == record else { return true }
          duplicates += 1
        } else {
          state.keys[table + "/" + key] = state.records.count
          state.records.append(record)
          accepted += 1
        }
      }
      return false
    }
    if conflict { return error(409, "IDEMPOTENCY_KEY_REUSED", "other content") }
    var members: [JSONValue.Member] = [
      .init(name: "accepted_count", value: JSONValue(accepted)),
      .init(name: "duplicate_count", value: JSONValue(duplicates)),
      .init(name: "max_visibility_token", value: JSONValue(records.count)),
      .init(name: "status", value: .string("accepted")),
    ]
    if body["wait_for_visibility"]?.boolean == true {
      members.append(.init(name: "visible_snapshot_id", value: JSONValue(1_000 + records.count)))
    }
    if !deadLettered.isEmpty {
      members.append(.init(name: "dead_lettered", value: .array(deadLettered)))
    }
    return json(200, .object(members))
  }

  private func query(_ body: JSONValue, accept: String) -> HTTPResponse {
    state.withLock { $0.queries.append(body) }
    if accept == "text/csv" {
      return HTTPResponse(
        status: 200, fields: [.init("X-DuckMesh-Truncated", "true")],
        body: Array("n,s\r\n1,a\r\n".utf8))
    }
    return json(
      200,
      .object([
        .init(name: "columns", value: .array([.string("n"), .string("s")])),
        .init(name: "types", value: .array([.string("BIGINT"), .string("VARCHAR")])),
        .init(
          name: "rows",
          value: .array([
            .array([.number("9007199254740993"), .string("a\u{1B}[2J")]), .array([.null, .null]),
          ])),
        .init(name: "snapshot_id", value: JSONValue(42)),
      ]))
  }

  private func json(_ status: Int, _ value: JSONValue) -> HTTPResponse {
    HTTPResponse(
      status: status, fields: [.init("Content-Type", "application/json")], body: value.compactBytes)
  }

  private func error(
    _ status: Int, _ code: String, _ message: String, context: JSONValue = .object([])
  ) -> HTTPResponse {
    json(
      status,
      .object([
        .init(name: "error_code", value: .string(code)),
        .init(name: "message", value: .string(message)),
        .init(name: "retryable", value: .boolean(status == 429 || status == 503)),
        .init(name: "context", value: context), .init(name: "trace_id", value: .string("trace-1")),
      ]))
  }
}
