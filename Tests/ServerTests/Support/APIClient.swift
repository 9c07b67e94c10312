import HTTPClient
import SimdJSON

/// Speaks to a server as one tenant or with one key.
struct APIClient: Sendable {
  let server: ServerProcess
  var tenant: String?
  var key: String?
  /// Sent with every request, over what the client would send by itself.
  var headers: [(name: String, value: String)] = []
  var timeoutMs = 60_000

  func with(_ name: String, _ value: String) -> APIClient {
    var copy = self
    copy.headers.append((name, value))
    return copy
  }

  func send(
    _ method: String, _ path: String, _ body: [UInt8] = [], contentType: String? = nil
  ) async throws -> Reply {
    var fields: [(name: String, value: String)] = []
    if let tenant { fields.append(("X-Tenant-ID", tenant)) }
    if let key { fields.append(("X-API-Key", key)) }
    if let contentType { fields.append(("Content-Type", contentType)) }
    for header in headers {
      fields.removeAll { $0.name.lowercased() == header.name.lowercased() }
      fields.append(header)
    }
    return Reply(
      try await server.http.send(
        ClientRequest(
          method: method, url: server.address + path, headers: fields, body: body,
          timeoutMs: timeoutMs)))
  }

  func get(_ path: String) async throws -> Reply { try await send("GET", path) }

  func delete(_ path: String) async throws -> Reply { try await send("DELETE", path) }

  /// Posts a JSON text; without one, an empty body.
  func post(_ path: String, _ json: String? = nil) async throws -> Reply {
    try await send(
      "POST", path, Array((json ?? "").utf8), contentType: json == nil ? nil : "application/json")
  }
}

extension APIClient {
  /// Makes a table; columns as `name TYPE`, all of them nullable.
  @discardableResult
  func createTable(_ name: String, _ columns: String..., more: String = "") async throws -> Reply {
    let list = columns.map { column in
      let parts = column.split(separator: " ", maxSplits: 1)
      return #"{"name": "\#(parts[0])", "type": "\#(parts[1])"}"#
    }
    return try await post(
      "/v1/tables",
      #"{"table_name": "\#(name)", "schema_json": {"columns": [\#(list.joined(separator: ", "))]}\#(more)}"#
    )
  }

  /// Ingests payloads under the given keys, by default new ones of the table.
  func ingest(
    _ table: String, _ records: [(key: String, payload: String)], more: String = ""
  ) async throws -> Reply {
    let list = records.map {
      #"{"idempotency_key": "\#($0.key)", "op": "insert", "payload": \#($0.payload)}"#
    }
    return try await post(
      "/v1/ingest/\(table)", #"{"records": [\#(list.joined(separator: ","))]\#(more)}"#)
  }

  /// Ingests one payload and waits until it is visible.
  @discardableResult
  func ingestVisibly(_ table: String, key: String, _ payload: String) async throws -> Reply {
    try await ingest(table, [(key, payload)], more: #", "wait_for_visibility": true"#)
  }

  /// - Parameter more: further members of the request, such as `, "row_limit": 3`.
  func query(_ sql: String, more: String = "") async throws -> Reply {
    var writer = JSONWriter()
    writer.string(sql)
    return try await post("/v1/query", #"{"sql": \#(writer.text)\#(more)}"#)
  }

  /// The answer's rows as compact JSON text, at the latest snapshot or one that holds a token.
  func rows(_ sql: String, token: Int64? = nil) async throws -> String {
    let reply = try await query(sql, more: token.map { #", "min_visibility_token": \#($0)"# } ?? "")
    guard reply.status == 200 else { return "\(reply.status) \(reply.text)" }
    return reply["rows"]?.compactText ?? reply.text
  }
}
