import CSimdJSON

/// The tokens of a text in the order in which they stand, lent for the duration of a closure.
///
/// Index 0 is the outermost value. A container is followed by its elements; an element ends where
/// `next` points. A member of an object is a string token, its name, followed by its value.
@usableFromInline @frozen package struct JSONTokens {
  @usableFromInline package let text: UnsafeRawBufferPointer
  @usableFromInline let tokens: UnsafeBufferPointer<JSONToken>
  private let parser: OpaquePointer

  init(
    text: UnsafeRawBufferPointer, tokens: UnsafeBufferPointer<JSONToken>, parser: OpaquePointer
  ) {
    self.text = text
    self.tokens = tokens
    self.parser = parser
  }

  @inlinable package var count: Int { tokens.count }

  @inlinable package subscript(index: Int) -> JSONToken { tokens[index] }

  /// The bytes at which a token points.
  @inlinable package func bytes(of token: JSONToken) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: text[token.offset..<token.offset + token.length])
  }

  /// The value of a string token.
  package func string(of token: JSONToken) -> String {
    let bytes = bytes(of: token)
    return token.isEscaped ? JSONText.unescaped(bytes) : String(decoding: bytes, as: UTF8.self)
  }

  /// Lends the UTF-8 of a string token's value.
  @inlinable package func withString<R>(
    of token: JSONToken, _ body: (UnsafeRawBufferPointer) -> R
  ) -> R {
    let bytes = bytes(of: token)
    if !token.isEscaped { return body(bytes) }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(bytes.count, 1)) { buffer in
      let count = JSONText.unescape(bytes, into: buffer)
      return body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
    }
  }

  /// Lends bytes that are the same for two values exactly if the values are equal: the order of
  /// members, white space, escapes and the spelling of numbers do not count, digits all do.
  ///
  /// - Throws: `.duplicateMember` when an object in the value names a member twice.
  @inlinable package func withCanonicalBytes<R>(
    of index: Int, _ body: (UnsafeRawBufferPointer) -> R
  ) throws(JSONSyntaxError) -> R {
    body(try canonicalBytes(of: index))
  }

  /// Valid until the parser is used again.
  @usableFromInline
  func canonicalBytes(of index: Int) throws(JSONSyntaxError) -> UnsafeRawBufferPointer {
    var bytes: UnsafePointer<UInt8>?
    var count = 0
    let start = text.baseAddress?.assumingMemoryBound(to: UInt8.self)
    let result = csj_canonical(parser, start, index, &bytes, &count)
    if let error = JSONSyntaxError(result) { throw error }
    return UnsafeRawBufferPointer(start: bytes, count: count)
  }
}
