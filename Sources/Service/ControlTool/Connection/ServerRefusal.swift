/// An error answer of the server, in the form all its errors have.
package struct ServerRefusal: Error, Sendable, Equatable {
  package var status: Int
  package var errorCode: String
  package var text: String
  package var isRetryable: Bool
  package var context: JSONValue?
  package var traceID: String?

  /// Reads the body; an answer of something else on the way, a proxy say, is described by status.
  package init(status: Int, body: [UInt8], traceID: String?) {
    self.status = status
    let parsed = try? JSONValue(parsing: body)
    errorCode = parsed?["error_code"]?.text ?? "HTTP_\(status)"
    text = parsed?["message"]?.text ?? "the server answered with status \(status)"
    isRetryable = parsed?["retryable"]?.boolean ?? (status == 429 || status == 503)
    if let value = parsed?["context"], value != .object([]), value != .null { context = value }
    self.traceID = parsed?["trace_id"]?.text ?? traceID
  }

  package var message: String {
    var lines = ["\(Printable.line(errorCode)) (\(status)): \(Printable.line(text))"]
    if let context { lines.append("context: " + Printable.line(context.compactText)) }
    if let traceID { lines.append("trace id: " + Printable.line(traceID)) }
    return lines.joined(separator: "\n")
  }
}
