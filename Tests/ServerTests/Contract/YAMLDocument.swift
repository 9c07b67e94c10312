/// A value of a YAML document.
indirect enum YAMLValue: Equatable, Sendable {
  case scalar(String)
  case list([YAMLValue])
  case map([String: YAMLValue])

  subscript(name: String) -> YAMLValue? {
    guard case .map(let members) = self else { return nil }
    return members[name]
  }

  var members: [String: YAMLValue] {
    guard case .map(let members) = self else { return [:] }
    return members
  }

  var text: String? {
    guard case .scalar(let text) = self else { return nil }
    return text
  }

  /// The texts of a list, or of a single value.
  var texts: [String] {
    switch self {
    case .scalar(let text): [text]
    case .list(let values): values.compactMap(\.text)
    case .map: []
    }
  }
}

/// Reads the part of YAML that the contract is written in: block maps and lists, flow lists, plain
/// and quoted scalars, folded texts. Whatever else stands there is an error, never skipped.
struct YAMLDocument {
  struct Failure: Error, CustomStringConvertible {
    let line: Int
    let problem: String
    var description: String { "line \(line): \(problem)" }
  }

  private struct Line {
    let number: Int
    let indent: Int
    let text: Substring
  }

  private var lines: [Line] = []
  private var next = 0

  static func read(_ text: String) throws -> YAMLValue {
    var document = YAMLDocument()
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let content = line.drop { $0 == " " }
      guard !content.isEmpty, !content.hasPrefix("#") else { continue }
      document.lines.append(
        Line(number: index + 1, indent: line.count - content.count, text: content))
    }
    let value = try document.block(indent: 0)
    guard document.next == document.lines.count else { throw document.failure("not understood") }
    return value
  }

  private func failure(_ problem: String) -> Failure {
    Failure(line: next < lines.count ? lines[next].number : 0, problem: problem)
  }

  private mutating func block(indent: Int) throws -> YAMLValue {
    guard next < lines.count, lines[next].indent == indent else { throw failure("indentation") }
    return lines[next].text.hasPrefix("- ") ? try list(indent) : try map(indent)
  }

  private mutating func list(_ indent: Int) throws -> YAMLValue {
    var values: [YAMLValue] = []
    while next < lines.count, lines[next].indent == indent, lines[next].text.hasPrefix("- ") {
      let line = lines[next]
      let rest = line.text.dropFirst(2)
      // An element that is a map goes on below, indented as its first member.
      if rest.contains(": ") || rest.hasSuffix(":"), !rest.hasPrefix("{"), !rest.hasPrefix("'") {
        lines[next] = Line(number: line.number, indent: indent + 2, text: rest)
        values.append(try map(indent + 2))
      } else {
        next += 1
        values.append(try scalar(rest, indent: indent))
      }
    }
    return .list(values)
  }

  private mutating func map(_ indent: Int) throws -> YAMLValue {
    var members: [String: YAMLValue] = [:]
    while next < lines.count, lines[next].indent == indent, !lines[next].text.hasPrefix("- ") {
      let text = lines[next].text
      guard let colon = text.firstRange(of: ": ")?.lowerBound ?? text.lastIndex(of: ":"),
        text[colon...] == ":" || text[colon...].hasPrefix(": ")
      else { throw failure("no member: \(text)") }
      let name = Self.unquoted(text[..<colon])
      let rest = text[colon...].dropFirst(2)
      guard members[name] == nil else { throw failure("\(name) stands twice") }
      next += 1
      if rest.isEmpty {
        guard next < lines.count, lines[next].indent > indent else { throw failure("no value") }
        members[name] = try block(indent: lines[next].indent)
      } else {
        members[name] = try scalar(rest, indent: indent)
      }
    }
    guard !members.isEmpty else { throw failure("an empty map") }
    return .map(members)
  }

  /// A value that begins on its member's line; long ones go on below, further indented.
  private mutating func scalar(_ first: Substring, indent: Int) throws -> YAMLValue {
    var text = String(first)
    if text == "{}" { return .map([:]) }
    let isFolded = text == ">-" || text == "|"
    if isFolded { text = "" }
    while next < lines.count, lines[next].indent > indent {
      text += (text.isEmpty ? "" : " ") + lines[next].text
      next += 1
    }
    if isFolded { return .scalar(text) }
    if text.hasPrefix("[") {
      guard text.hasSuffix("]") else { throw failure("a list without its end") }
      return .list(
        text.dropFirst().dropLast().split(separator: ",").map {
          .scalar(Self.unquoted($0.drop { $0 == " " }))
        })
    }
    guard !text.hasPrefix("{"), !text.hasPrefix("&"), !text.hasPrefix("*") else {
      throw failure("not understood: \(text)")
    }
    return .scalar(Self.unquoted(text[...]))
  }

  private static func unquoted(_ text: Substring) -> String {
    for quote in ["'", "\""] where text.count >= 2 && text.hasPrefix(quote) && text.hasSuffix(quote)
    {
      return String(text.dropFirst().dropLast())
    }
    return String(text)
  }
}
