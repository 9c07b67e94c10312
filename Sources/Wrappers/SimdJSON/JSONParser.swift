import CSimdJSON

/// Reads JSON texts one after the other; not to be used by two threads at once.
///
/// Every byte is checked: UTF-8, escapes, surrogate pairs, numbers, grammar, trailing text.
/// Duplicate members are found by whoever looks at an object's members, see `JSONTokens`.
package struct JSONParser: ~Copyable {
  private let handle: OpaquePointer

  package init(limits: JSONLimits = JSONLimits()) {
    precondition(
      MemoryLayout<JSONToken>.stride == MemoryLayout<csj_token>.stride
        && MemoryLayout<JSONToken>.offset(of: \.rawNext)
          == MemoryLayout<csj_token>.offset(of: \.next),
      "a token differs between C and Swift")
    guard let handle = csj_parser_create(limits.depth, limits.tokens) else {
      preconditionFailure("no memory for a JSON parser")
    }
    self.handle = handle
  }

  deinit { csj_parser_destroy(handle) }

  /// Bytes of memory kept for the next text.
  package var retainedBytes: Int { csj_retained_bytes(handle) }

  /// Parses a text and lends its tokens, or the reason why there are none.
  package mutating func withTokens<R, E: Error>(
    of text: UnsafeRawBufferPointer,
    _ body: (Result<JSONTokens, JSONSyntaxError>) throws(E) -> R
  ) throws(E) -> R {
    try body(parse(text))
  }

  /// The tokens are valid until the parser is used again.
  mutating func parse(_ text: UnsafeRawBufferPointer) -> Result<JSONTokens, JSONSyntaxError> {
    let start = text.baseAddress?.assumingMemoryBound(to: UInt8.self)
    let result = csj_parse(handle, start, text.count)
    if let error = JSONSyntaxError(result) { return .failure(error) }
    let count = csj_token_count(handle)
    let tokens = UnsafeRawPointer(csj_tokens(handle))?
      .bindMemory(to: JSONToken.self, capacity: count)
    return .success(
      JSONTokens(
        text: text, tokens: UnsafeBufferPointer(start: tokens, count: count), parser: handle))
  }
}
