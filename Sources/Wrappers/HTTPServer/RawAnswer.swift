import Glibc

/// An answer written straight to the socket where the library takes none: in the middle of a body,
/// from the sweep, or before the connection is the library's. The connection always ends after it.
enum RawAnswer {
  static func render(_ response: HTTPResponse) -> [UInt8] {
    var body: [UInt8] = []
    if case .bytes(let bytes) = response.body { body = bytes }
    var text = "HTTP/1.1 \(response.status) \(reason(response.status))\r\n"
    for field in response.fields where isSafe(field) {
      text += "\(field.name): \(field.value)\r\n"
    }
    text += "Content-Length: \(body.count)\r\nConnection: close\r\n\r\n"
    return Array(text.utf8) + body
  }

  /// Writes without waiting: an answer that does not fit the socket's buffer is cut.
  static func write(_ answer: [UInt8], to descriptor: Int32) {
    answer.withUnsafeBytes {
      _ = send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
    }
  }

  private static func isSafe(_ field: HTTPResponse.Field) -> Bool {
    !field.name.isEmpty && field.name.utf8.allSatisfy(ASCII.isTokenByte)
      && field.value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
  }

  private static func reason(_ status: Int) -> String {
    switch status {
    case 400: "Bad Request"
    case 408: "Request Timeout"
    case 413: "Content Too Large"
    case 503: "Service Unavailable"
    default: "Error"
    }
  }
}
