/// Finds the functions of a Swift file by their braces.
enum SwiftFunctions {
  struct Extent: Equatable, Sendable {
    /// Counted from 1: the line of the keyword.
    let line: Int
    /// From the keyword's line to that of the closing brace, both included.
    let lineCount: Int
  }

  private static let starters: Set<String> = ["func", "init", "deinit", "subscript"]
  private static let otherDeclarations: Set<String> = [
    "var", "let", "case", "struct", "class", "enum", "actor", "protocol", "extension",
    "associatedtype", "typealias", "import",
  ]

  /// The functions, initialisers, deinitialisers and subscripts that have a body, in file order.
  static func extents(in codeLines: [Substring]) -> [Extent] {
    let tokens = tokenize(codeLines)
    return tokens.indices.compactMap { index in
      guard isDeclaration(at: index, in: tokens),
        let open = bodyStart(after: index, in: tokens),
        let close = closingBrace(of: open, in: tokens)
      else { return nil }
      let line = tokens[index].line
      return Extent(line: line, lineCount: tokens[close].line - line + 1)
    }
  }

  /// A word, or one character that is neither a word's nor blank.
  private struct Token {
    let text: String
    let line: Int
  }

  private static func tokenize(_ codeLines: [Substring]) -> [Token] {
    var tokens: [Token] = []
    for (index, codeLine) in codeLines.enumerated() {
      var rest = codeLine.utf8[...]
      while let first = rest.first {
        let word = rest.prefix(while: isWordByte)
        let length = max(1, word.count)
        if !isBlank(first), let text = String(rest.prefix(length)) {
          tokens.append(Token(text: text, line: index + 1))
        }
        rest = rest.dropFirst(length)
      }
    }
    return tokens
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "`"), 0x80...:
      true
    default: false
    }
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
  }

  /// `init` after a dot is a call.
  private static func isDeclaration(at index: Int, in tokens: [Token]) -> Bool {
    starters.contains(tokens[index].text) && (index == 0 || tokens[index - 1].text != ".")
  }

  /// A requirement of a protocol has no body: the next declaration or a closing brace comes first.
  private static func bodyStart(after index: Int, in tokens: [Token]) -> Int? {
    var depth = 0
    for next in (index + 1)..<tokens.count {
      switch tokens[next].text {
      case "(", "[": depth += 1
      case ")", "]": depth -= 1
      case "{" where depth == 0: return next
      case "}" where depth == 0: return nil
      default:
        if depth == 0, otherDeclarations.contains(tokens[next].text) { return nil }
        if depth == 0, isDeclaration(at: next, in: tokens) { return nil }
      }
    }
    return nil
  }

  private static func closingBrace(of open: Int, in tokens: [Token]) -> Int? {
    var depth = 0
    for next in open..<tokens.count {
      if tokens[next].text == "{" { depth += 1 }
      if tokens[next].text == "}" { depth -= 1 }
      if depth == 0 { return next }
    }
    return nil
  }
}
