import HTTPServer
import Model
import SimdJSON

/// `?limit=` and `?page_token=` of a list.
struct Page {
  let limit: Int
  /// The last item of the page before, as this server wrote it.
  let token: String?

  init(_ request: HTTPRequest, limits: Limits.Request) throws(APIError) {
    limit = try Self.limit(request.head.target.queryValue("limit"), limits)
    guard let text = request.head.target.queryValue("page_token") else {
      token = nil
      return
    }
    guard let decoded = Self.decode(text) else {
      throw .invalidField("page_token", "one that this server has given")
    }
    token = decoded
  }

  private static func limit(
    _ text: String?, _ limits: Limits.Request
  ) throws(APIError) -> Int {
    guard let text else { return limits.pageSize }
    guard let value = Int(text), value >= 1 else {
      throw .invalidField("limit", "an integer of at least 1")
    }
    guard value <= limits.maximumPageSize else {
      throw .limitExceeded("limit", maximum: limits.maximumPageSize)
    }
    return value
  }

  /// Hexadecimal: opaque to look at, and safe in a URL as it is.
  static func token(_ item: String) -> String {
    item.utf8.map { byte in
      let digits = String(byte, radix: 16)
      return byte < 16 ? "0" + digits : digits
    }.joined()
  }

  private static func decode(_ text: String) -> String? {
    let digits = Array(text.utf8)
    guard digits.count % 2 == 0, digits.count <= 256 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard
        let byte = UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16)
      else { return nil }
      bytes.append(byte)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}

extension HTTPResponse {
  /// A JSON answer with the request's trace id.
  static func json(
    status: Int, _ context: RequestContext, _ write: (inout JSONWriter) -> Void
  ) -> HTTPResponse {
    var writer = JSONWriter()
    write(&writer)
    writer.endLine()
    return HTTPResponse(
      status: status,
      fields: [
        .init("Content-Type", "application/json"), .init("X-Trace-ID", context.traceID),
      ], body: writer.bytes)
  }
}
