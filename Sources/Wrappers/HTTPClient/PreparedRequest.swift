import CCurl

/// A request whose every part was checked: nothing in it can add a line to the head.
struct PreparedRequest: Sendable {
  let method: String
  let url: String
  let isLoopback: Bool
  /// Header lines as libcurl takes them.
  let headerLines: [String]
  let body: [UInt8]
  let bodyPath: String?
  let deadline: ContinuousClock.Instant

  init(_ request: ClientRequest) throws(HTTPClientError) {
    guard !request.method.isEmpty, request.method.count <= 32,
      request.method.utf8.allSatisfy({ (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) })
    else { throw .invalidMethod }
    method = request.method
    url = request.url
    isLoopback = try Self.checkedHostIsLoopback(of: request.url)
    headerLines = try Self.lines(for: request.headers)
    body = request.body
    bodyPath = request.bodyPath
    deadline = .now + .milliseconds(max(0, min(request.timeoutMs, 86_400_000)))
  }

  var hasBody: Bool {
    !body.isEmpty || bodyPath != nil || !["GET", "HEAD", "DELETE", "OPTIONS"].contains(method)
  }

  private static func lines(
    for headers: [(name: String, value: String)]
  ) throws(HTTPClientError) -> [String] {
    var lines: [String] = []
    var hasContentType = false
    for (name, value) in headers {
      guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte),
        value.utf8.allSatisfy({ $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) })
      else { throw .invalidHeader(name: name) }
      hasContentType = hasContentType || name.lowercased() == "content-type"
      // libcurl drops "Name:" and sends "Name;" as a header without a value.
      lines.append(value.isEmpty ? "\(name);" : "\(name): \(value)")
    }
    // libcurl would wait for "100 Continue" before a large body, and would name a body a form.
    lines.append("Expect:")
    if !hasContentType { lines.append("Content-Type:") }
    return lines
  }

  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E: true
    default: false
    }
  }

  private static func checkedHostIsLoopback(of url: String) throws(HTTPClientError) -> Bool {
    guard !url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else { throw .invalidURL }
    guard let parsed = curl_url() else { throw .resourcesExhausted }
    defer { curl_url_cleanup(parsed) }
    let flags = UInt32(CURLU_NON_SUPPORT_SCHEME)
    guard curl_url_set(parsed, CURLUPART_URL, url, flags) == CURLUE_OK else { throw .invalidURL }
    guard let scheme = part(CURLUPART_SCHEME, of: parsed) else { throw .invalidURL }
    guard scheme == "http" || scheme == "https" else { throw .unsupportedScheme(scheme) }
    guard let host = part(CURLUPART_HOST, of: parsed)?.lowercased(), !host.isEmpty,
      part(CURLUPART_USER, of: parsed) == nil
    else { throw .invalidURL }
    return host == "localhost" || host == "[::1]" || host.hasPrefix("127.")
  }

  private static func part(_ part: CURLUPart, of url: OpaquePointer) -> String? {
    var text: UnsafeMutablePointer<CChar>?
    guard curl_url_get(url, part, &text, 0) == CURLUE_OK, let text else { return nil }
    defer { curl_free(text) }
    return String(cString: text)
  }
}
