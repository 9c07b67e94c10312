import HTTPClient
import SimdJSON
import Testing

/// An answer of the server, with its JSON body at hand.
struct Reply: Sendable {
  let response: ClientResponse
  let json: JSONValue?

  init(_ response: ClientResponse) {
    self.response = response
    json = try? JSONValue(parsing: response.body)
  }

  var status: Int { response.status }
  var text: String { response.text }
  var errorCode: String? { self["error_code"]?.text }
  var token: Int64? { self["max_visibility_token"]?.integer }

  func header(_ name: String) -> String? { response.header(name) }

  /// A value inside the body: `reply["context", "violations", 0, "column"]`.
  subscript(path: any JSONStep...) -> JSONValue? {
    path.reduce(json) { value, step in step.value(in: value) }
  }

  /// Expects an error of the documented form.
  func expectError(
    _ status: Int, _ code: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(
      self.status == status && errorCode == code, "\(self.status) \(text.prefix(1_000))",
      sourceLocation: sourceLocation)
    guard self.status == status else { return }
    #expect(
      json?.members?.map(\.name) == ["error_code", "message", "retryable", "context", "trace_id"],
      "\(text.prefix(1_000))", sourceLocation: sourceLocation)
    #expect(
      self["message"]?.text?.isEmpty == false && self["retryable"]?.isTrue != nil
        && self["context"]?.members != nil, "\(text.prefix(1_000))",
      sourceLocation: sourceLocation)
    #expect(
      self["trace_id"]?.text == header("X-Trace-ID"), "\(text.prefix(1_000))",
      sourceLocation: sourceLocation)
    #expect(header("Content-Type") == "application/json", sourceLocation: sourceLocation)
    if status == 429 || status == 503 {
      #expect(header("Retry-After") != nil, sourceLocation: sourceLocation)
      #expect(self["retryable"]?.isTrue == true, sourceLocation: sourceLocation)
    }
  }

  /// Expects success.
  @discardableResult
  func expect(_ status: Int, sourceLocation: SourceLocation = #_sourceLocation) -> Reply {
    #expect(
      self.status == status, "\(self.status) \(text.prefix(1_000))",
      sourceLocation: sourceLocation)
    return self
  }
}

/// A member's name or an element's place.
protocol JSONStep {
  func value(in value: JSONValue?) -> JSONValue?
}

extension String: JSONStep {
  func value(in value: JSONValue?) -> JSONValue? { value?[self] }
}

extension Int: JSONStep {
  func value(in value: JSONValue?) -> JSONValue? {
    guard let elements = value?.elements, elements.indices.contains(self) else { return nil }
    return elements[self]
  }
}

extension JSONValue {
  var compactText: String {
    var writer = JSONWriter()
    writer.value(self)
    return writer.text
  }

  var memberNames: Set<String> { Set(members?.map(\.name) ?? []) }
}
