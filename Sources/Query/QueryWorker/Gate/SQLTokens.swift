/// The tokens of a statement that the engine has parsed before, as far as names can stand in it:
/// what stands in strings, quoted names and comments is told from what is said.
struct SQLTokens: Sequence, IteratorProtocol {
  enum Kind: Equatable {
    case word
    /// A name in double quotes, the quotes included.
    case quotedName
    /// A string of any form, or a number.
    case literal
    case symbol(UInt8)
  }

  struct Token {
    let kind: Kind
    let range: Range<Int>
  }

  private let text: [UInt8]
  private var position = 0
  /// A comment that holds the opening of another, of which parsers think differently.
  private(set) var isAmbiguous = false

  init(_ text: [UInt8]) {
    self.text = text
  }

  mutating func next() -> Token? {
    skipSpaceAndComments()
    guard position < text.count, !isAmbiguous else { return nil }
    let start = position
    let kind = takeToken()
    return Token(kind: kind, range: start..<position)
  }

  private mutating func takeToken() -> Kind {
    let first = text[position]
    switch first {
    case UInt8(ascii: "'"):
      takeQuoted(by: first, escapes: false)
      return .literal
    case UInt8(ascii: "\""):
      takeQuoted(by: first, escapes: false)
      return .quotedName
    case UInt8(ascii: "$"):
      if takeDollarQuoted() { return .literal }
      position += 1
      return .symbol(first)
    case _ where Self.isWordByte(first):
      let start = position
      while position < text.count, Self.isWordByte(text[position]) { position += 1 }
      let isEscaped = position - start == 1 && first | 0x20 == UInt8(ascii: "e")
      if isEscaped, position < text.count, text[position] == UInt8(ascii: "'") {
        takeQuoted(by: UInt8(ascii: "'"), escapes: true)
        return .literal
      }
      return (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) ? .literal : .word
    default:
      position += 1
      return .symbol(first)
    }
  }

  private mutating func takeQuoted(by quote: UInt8, escapes: Bool) {
    position += 1
    while position < text.count {
      let byte = text[position]
      position += 1
      if escapes, byte == UInt8(ascii: "\\") {
        position = Swift.min(position + 1, text.count)
      } else if byte == quote {
        // Doubled, it stands for itself.
        guard position < text.count, text[position] == quote else { return }
        position += 1
      }
    }
  }

  /// `$$ … $$` or `$tag$ … $tag$`; a parameter is neither.
  private mutating func takeDollarQuoted() -> Bool {
    var end = position + 1
    while end < text.count, Self.isWordByte(text[end]) { end += 1 }
    guard end < text.count, text[end] == UInt8(ascii: "$") else { return false }
    let mark = text[position...end]
    var start = end + 1
    while start + mark.count <= text.count {
      if text[start..<(start + mark.count)].elementsEqual(mark) {
        position = start + mark.count
        return true
      }
      start += 1
    }
    return false
  }

  private mutating func skipSpaceAndComments() {
    while position < text.count {
      let rest = text[position...]
      if text[position] <= 0x20 {
        position += 1
      } else if rest.starts(with: "--".utf8) {
        position = rest.firstIndex { $0 == 0x0A || $0 == 0x0D } ?? text.count
      } else if rest.starts(with: "/*".utf8) {
        skipComment()
      } else {
        return
      }
    }
  }

  private mutating func skipComment() {
    position += 2
    while position < text.count {
      let rest = text[position...]
      if rest.starts(with: "*/".utf8) {
        position += 2
        return
      }
      if rest.starts(with: "/*".utf8) {
        isAmbiguous = true
        position = text.count
        return
      }
      position += 1
    }
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
      true
    default: false
    }
  }
}
