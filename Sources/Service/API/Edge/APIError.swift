import HTTPServer
import SimdJSON

/// A refusal or failure as a client sees it: a stable code, a status, and facts.
///
/// The text never holds SQL, paths, credentials or another tenant's data.
struct APIError: Error {
  let status: Int
  let code: String
  let message: String
  var isRetryable = false
  var context: [JSONValue.Member] = []
  /// Sent as `Retry-After` with 429 and 503.
  var retryAfterSeconds = 1
  var fields: [HTTPResponse.Field] = []

  init(
    _ status: Int, _ code: String, _ message: String, isRetryable: Bool = false,
    context: [JSONValue.Member] = [], retryAfterSeconds: Int = 1,
    fields: [HTTPResponse.Field] = []
  ) {
    self.status = status
    self.code = code
    self.message = message
    self.isRetryable = isRetryable
    self.context = context
    self.retryAfterSeconds = retryAfterSeconds
    self.fields = fields
  }

  func response(traceID: String) -> HTTPResponse {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("error_code", code)
    writer.member("message", message)
    writer.member("retryable", isRetryable)
    writer.name("context")
    writer.value(.object(context))
    writer.member("trace_id", traceID)
    writer.endObject()
    writer.endLine()
    var fields = fields
    fields.append(.init("Content-Type", "application/json"))
    fields.append(.init("X-Trace-ID", traceID))
    if status == 429 || status == 503 {
      fields.append(.init("Retry-After", String(retryAfterSeconds)))
    }
    return HTTPResponse(status: status, fields: fields, body: writer.bytes)
  }
}

extension JSONValue {
  static func integer(_ value: some FixedWidthInteger) -> JSONValue { .number(String(value)) }
}
