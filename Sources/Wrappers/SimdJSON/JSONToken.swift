/// What a token is.
@usableFromInline @frozen package enum JSONKind: UInt8, Sendable {
  case null, `false`, `true`
  /// Digits alone, perhaps with a minus.
  case integer
  /// A number with a fraction or an exponent.
  case real
  case string, array, object
}

/// One value, or one member's name, of a parsed text.
///
/// The fields are those of `csj_token` in C, whose memory is read as this type; that way the walk
/// over the tokens is compiled into its callers, which know nothing of the C module.
@usableFromInline @frozen package struct JSONToken: BitwiseCopyable {
  @usableFromInline package let kind: JSONKind
  @usableFromInline let flags: UInt8
  @usableFromInline let unused: UInt16
  @usableFromInline let rawOffset: UInt32
  @usableFromInline let rawLength: UInt32
  @usableFromInline let rawNext: UInt32

  /// Whether a string's text holds backslash escapes.
  @inlinable package var isEscaped: Bool { flags & 1 != 0 }
  /// Whether a string's value holds U+0000.
  @inlinable package var containsNUL: Bool { flags & 2 != 0 }
  /// Where the text stands: of a string between its quotes, of any other value the whole.
  @inlinable package var offset: Int { Int(rawOffset) }
  @inlinable package var length: Int { Int(rawLength) }
  /// Index of the first token behind this value.
  @inlinable package var next: Int { Int(rawNext) }
}
