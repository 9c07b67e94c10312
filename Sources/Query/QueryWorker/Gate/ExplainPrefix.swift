import WorkerProtocol

/// Splits a leading EXPLAIN from the statement behind it.
///
/// The engine gives `EXPLAIN` one statement type whatever it explains, and `EXPLAIN ANALYZE COPY`
/// writes. So what stands behind it is gated as a statement of its own.
struct ExplainPrefix {
  private let text: Substring.UTF8View
  private var position: Substring.UTF8View.Index

  private init(_ sql: String) {
    text = sql[...].utf8
    position = text.startIndex
  }

  /// - Returns: the form and the rest, or nil and the whole text when there is no EXPLAIN.
  /// - Throws: `sqlNotAllowed` for a form that is not offered.
  static func split(
    _ sql: String
  ) throws(QueryFailure) -> (explain: ExplainForm?, statement: String) {
    var scanner = ExplainPrefix(sql)
    scanner.skipSpaceAndComments()
    guard scanner.takeWord("explain") else { return (nil, sql) }
    var form = ExplainForm()
    scanner.skipSpaceAndComments()
    if scanner.takeWord("analyze") {
      form.analyze = true
    } else {
      try scanner.takeOptions(into: &form)
    }
    return (form, String(scanner.rest))
  }

  private var rest: Substring {
    Substring(text[position...])
  }

  /// `(ANALYZE, FORMAT JSON)`; anything else in parentheses is the statement itself.
  private mutating func takeOptions(into form: inout ExplainForm) throws(QueryFailure) {
    let start = position
    guard take(UInt8(ascii: "(")) else { return }
    while true {
      skipSpaceAndComments()
      if takeWord("analyze") {
        form.analyze = true
      } else if takeWord("format") {
        skipSpaceAndComments()
        if takeWord("json") {
          form.format = .json
        } else if !takeWord("text") && !takeWord("default") {
          throw QueryFailure(.sqlNotAllowed, "EXPLAIN offers the formats TEXT and JSON")
        }
      } else {
        position = start
        form = ExplainForm()
        return
      }
      skipSpaceAndComments()
      if take(UInt8(ascii: ")")) { return }
      guard take(UInt8(ascii: ",")) else {
        throw QueryFailure(.sqlNotAllowed, "EXPLAIN offers the options ANALYZE and FORMAT")
      }
    }
  }

  private mutating func skipSpaceAndComments() {
    while position < text.endIndex {
      if text[position] <= 0x20 {
        position = text.index(after: position)
      } else if text[position...].starts(with: "--".utf8) {
        position = text[position...].firstIndex { $0 == 0x0A || $0 == 0x0D } ?? text.endIndex
      } else if text[position...].starts(with: "/*".utf8) {
        guard let end = Self.endOfComment(text, position) else { return }
        position = end
      } else {
        return
      }
    }
  }

  /// Comments nest or not depending on the parser; one that holds another is left standing, so
  /// that the statement is judged as a whole.
  private static func endOfComment(
    _ text: Substring.UTF8View, _ start: Substring.UTF8View.Index
  ) -> Substring.UTF8View.Index? {
    var index = text.index(start, offsetBy: 2)
    while index < text.endIndex {
      let rest = text[index...]
      if rest.starts(with: "*/".utf8) { return text.index(index, offsetBy: 2) }
      if rest.starts(with: "/*".utf8) { return nil }
      index = text.index(after: index)
    }
    return nil
  }

  private mutating func takeWord(_ word: String) -> Bool {
    let end = text[position...].firstIndex { !Self.isWordByte($0) } ?? text.endIndex
    guard String(Substring(text[position..<end])).lowercased() == word else { return false }
    position = end
    return true
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard position < text.endIndex, text[position] == byte else { return false }
    position = text.index(after: position)
    return true
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
