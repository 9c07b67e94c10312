import CSimdJSON

/// What a token is.
package enum JSONKind: UInt8, Sendable {
  case null, `false`, `true`
  /// Digits alone, perhaps with a minus.
  case integer
  /// A number with a fraction or an exponent.
  case real
  case string, array, object
}

/// One value, or one member's name, of a parsed text.
package struct JSONToken {
  let raw: csj_token

  @inline(__always)
  package var kind: JSONKind {
    // The parser writes no other value.
    JSONKind(rawValue: raw.kind).unsafelyUnwrapped
  }
  /// Whether a string's text holds backslash escapes.
  @inline(__always)
  package var isEscaped: Bool { raw.flags & UInt8(CSJ_FLAG_ESCAPED) != 0 }
  /// Whether a string's value holds U+0000.
  @inline(__always)
  package var containsNUL: Bool { raw.flags & UInt8(CSJ_FLAG_NUL) != 0 }
  /// Where the text stands: of a string between its quotes, of any other value the whole.
  @inline(__always)
  package var offset: Int { Int(raw.offset) }
  @inline(__always)
  package var length: Int { Int(raw.length) }
  /// Index of the first token behind this value.
  @inline(__always)
  package var next: Int { Int(raw.next) }
}

/// The tokens of a text in the order in which they stand, lent for the duration of a closure.
///
/// Index 0 is the outermost value. A container is followed by its elements; an element ends where
/// `next` points. A member of an object is a string token, its name, followed by its value.
package struct JSONTokens {
  package let text: UnsafeRawBufferPointer
  let tokens: UnsafeBufferPointer<csj_token>
  let parser: OpaquePointer

  @inline(__always)
  package var count: Int { tokens.count }

  @inline(__always)
  package subscript(index: Int) -> JSONToken { JSONToken(raw: tokens[index]) }

  /// The bytes at which a token points.
  @inline(__always)
  package func bytes(of token: JSONToken) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: text[token.offset..<token.offset + token.length])
  }

  /// The value of a string token.
  package func string(of token: JSONToken) -> String {
    let bytes = bytes(of: token)
    guard token.isEscaped else { return String(decoding: bytes, as: UTF8.self) }
    return String(unsafeUninitializedCapacity: bytes.count) { buffer in
      csj_unescape(Self.start(of: bytes), bytes.count, buffer.baseAddress)
    }
  }

  /// Lends the UTF-8 of a string token's value.
  @inline(__always)
  package func withString<R>(
    of token: JSONToken, _ body: (UnsafeRawBufferPointer) -> R
  ) -> R {
    let bytes = bytes(of: token)
    if !token.isEscaped { return body(bytes) }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(bytes.count, 1)) { buffer in
      let count = csj_unescape(Self.start(of: bytes), bytes.count, buffer.baseAddress)
      return body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
    }
  }

  /// Lends bytes that are the same for two values exactly if the values are equal: the order of
  /// members, white space, escapes and the spelling of numbers do not count, digits all do.
  ///
  /// - Throws: `.duplicateMember` when an object in the value names a member twice.
  package func withCanonicalBytes<R>(
    of index: Int, _ body: (UnsafeRawBufferPointer) -> R
  ) throws(JSONSyntaxError) -> R {
    var bytes: UnsafePointer<UInt8>?
    var count = 0
    let result = csj_canonical(parser, Self.start(of: text), index, &bytes, &count)
    if let error = JSONSyntaxError(result) { throw error }
    return body(UnsafeRawBufferPointer(start: bytes, count: count))
  }

  @inline(__always)
  private static func start(of bytes: UnsafeRawBufferPointer) -> UnsafePointer<UInt8>? {
    bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
  }
}
