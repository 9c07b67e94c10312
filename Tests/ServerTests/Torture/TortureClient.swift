import HTTPClient
import Runtime
import SimdJSON

/// Requests to processes that come and go.
struct TortureClient: Sendable {
  let http: HTTPClient
  let tenant: String

  /// - Returns: nil when there was no answer, which tells nothing.
  func send(
    _ method: String, _ path: String, _ json: String? = nil, to process: TortureProcess,
    timeoutMs: Int = 20_000
  ) async -> Reply? {
    guard let address = process.address else { return nil }
    return await send(method, path, json, at: address, timeoutMs: timeoutMs)
  }

  func send(
    _ method: String, _ path: String, _ json: String? = nil, at address: String,
    timeoutMs: Int = 20_000
  ) async -> Reply? {
    var fields = [(name: "X-Tenant-ID", value: tenant)]
    if json != nil { fields.append(("Content-Type", "application/json")) }
    let request = ClientRequest(
      method: method, url: address + path, headers: fields, body: Array((json ?? "").utf8),
      timeoutMs: timeoutMs)
    return (try? await http.send(request)).map { Reply($0) }
  }

  func query(
    _ sql: String, _ more: String = "", to process: TortureProcess
  ) async -> Reply? {
    var writer = JSONWriter()
    writer.string(sql)
    return await send(
      "POST", "/v1/query",
      #"{"sql": \#(writer.text), "allow_dead_letters": true, "row_limit": 1000000\#(more)}"#,
      to: process)
  }
}

extension Reply {
  /// Whether the same request may have another answer later.
  ///
  /// A file that cannot be reached is taken for one that was deleted, hence 410.
  var isPassing: Bool { [408, 410, 429, 500, 503, 504].contains(status) }

  var outcome: String { errorCode ?? "\(status)" }
}

/// The client that all of a run's requests share.
struct HTTPClientBox: Sendable {
  let client: HTTPClient

  init() throws {
    var settings = HTTPClient.Settings()
    settings.maximumConnections = 64
    client = try HTTPClient(settings)
  }
}
