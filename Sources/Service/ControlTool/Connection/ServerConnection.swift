import HTTPClient

/// The server as the global options name it, with the credential that every request carries.
struct ServerConnection: Sendable {
  let client: HTTPClient
  private let baseURL: String
  private let headers: [(name: String, value: String)]

  /// - Throws: `usage` for an address that is no http or https URL.
  init(
    arguments: ParsedArguments, environment: [String: String], connections: Int = 1
  ) throws(ToolFailure) {
    func setting(_ option: String, _ variable: String) -> String? {
      arguments.text(option) ?? environment[variable].flatMap { $0.isEmpty ? nil : $0 }
    }
    var url = setting("--url", "DUCKMESH_URL") ?? "http://127.0.0.1:8080"
    while url.hasSuffix("/") { url.removeLast() }
    guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
      throw .usage("the server's address must start with http:// or https://", command: nil)
    }
    baseURL = url
    var headers: [(name: String, value: String)] = []
    if let key = setting("--api-key", "DUCKMESH_API_KEY") { headers.append(("X-API-Key", key)) }
    if let tenant = setting("--tenant", "DUCKMESH_TENANT") {
      headers.append(("X-Tenant-ID", tenant))
    }
    self.headers = headers
    var settings = HTTPClient.Settings()
    settings.maximumConnections = connections
    settings.userAgent = "duckmeshctl/" + ControlTool.version
    do {
      client = try HTTPClient(settings)
    } catch {
      throw ToolFailure(error)
    }
  }

  /// The request with the credential added; `path` starts with a slash and is percent-encoded.
  func request(
    _ method: String, _ path: String, body: [UInt8] = [], accept: String = "application/json",
    timeoutMs: Int = 60_000
  ) -> ClientRequest {
    var headers = headers + [("Accept", accept)]
    if !body.isEmpty { headers.append(("Content-Type", "application/json")) }
    return ClientRequest(
      method: method, url: baseURL + path, headers: headers, body: body, timeoutMs: timeoutMs)
  }

  /// Sends a request once and reads its JSON answer.
  ///
  /// - Throws: `refused` for a status that is not 2xx, `unreachable`, `unexpectedAnswer`.
  func call(
    _ method: String, _ path: String, body: JSONValue? = nil, timeoutMs: Int = 60_000
  ) throws(ToolFailure) -> JSONValue {
    let response = try send(
      request(method, path, body: body?.compactBytes ?? [], timeoutMs: timeoutMs))
    guard (200..<300).contains(response.status) else {
      throw .refused(ServerRefusal(response))
    }
    return try Self.json(response)
  }

  /// Sends a request once; any status is an answer.
  ///
  /// - Throws: `unreachable`, `usage`.
  func send(_ request: ClientRequest) throws(ToolFailure) -> ClientResponse {
    do {
      return try client.sendBlocking(request)
    } catch {
      throw ToolFailure(error)
    }
  }

  static func json(_ response: ClientResponse) throws(ToolFailure) -> JSONValue {
    do throws(JSONProblem) {
      return try JSONValue(parsing: response.body)
    } catch {
      throw .unexpectedAnswer(
        "status \(response.status) with a body that is no JSON (\(error.reason))")
    }
  }

  /// One segment of a path.
  static func encoded(_ segment: String) -> String {
    var text = ""
    for byte in segment.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let hexadecimal = String(byte, radix: 16, uppercase: true)
        text += "%" + (hexadecimal.count == 1 ? "0" : "") + hexadecimal
      }
    }
    return text
  }
}

extension ServerRefusal {
  init(_ response: ClientResponse) {
    self.init(
      status: response.status, body: response.body, traceID: response.header("X-Trace-ID"))
  }
}

extension ToolFailure {
  init(_ error: HTTPClientError) {
    switch error {
    case .invalidURL, .unsupportedScheme:
      self = .usage("the server's address is not a plain http or https URL", command: nil)
    case .invalidHeader(let name):
      self = .usage("the value for \(name) holds characters that a header cannot", command: nil)
    case .invalidMethod, .invalidSetting, .stoppedBySink:
      self = .unexpectedAnswer("the request could not be made")
    case .closed, .cancelled:
      self = .interrupted(by: .interrupted)
    case .timedOut(let requestSent):
      self = .unreachable(
        requestSent ? "the server did not answer in time" : "connecting took too long")
    case .cannotResolve(let detail), .cannotConnect(let detail):
      self = .unreachable(
        "the server cannot be reached: \(detail)\n"
          + "Is it running? --url or DUCKMESH_URL names another address.")
    case .tlsFailed(let detail):
      self = .unreachable("no secure connection: \(detail)")
    case .connectionLost(let detail), .malformedResponse(let detail),
      .transferFailed(_, let detail):
      self = .unreachable("the connection failed: \(detail)")
    case .responseTooLarge(let limit):
      self = .unexpectedAnswer("it is larger than \(limit) bytes")
    case .tooManyWaiting, .resourcesExhausted:
      self = .unreachable("no thread, memory or connection is left on this machine")
    }
  }
}
