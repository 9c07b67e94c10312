/// A type of the engine, read from the text that names it.
indirect enum EngineType: Equatable {
  struct Field: Equatable {
    let name: String
    let type: EngineType
  }

  /// Also what has no form of its own here, such as `ENUM('a')` and `UNION(n INTEGER)`.
  case scalar(String)
  /// One of any length, or of one that the type fixes.
  case list(EngineType)
  case structure([Field])
  case map(key: EngineType, value: EngineType)

  init(_ text: some StringProtocol) {
    let text = Substring(text).trimmingPrefix(" ")
    if text.hasSuffix("]"), let bracket = text.lastIndex(of: "[") {
      self = .list(EngineType(text[..<bracket]))
    } else if let members = Self.members(of: text, after: "STRUCT(") {
      self = .structure(members.map(Field.init))
    } else if let members = Self.members(of: text, after: "MAP("), members.count == 2 {
      self = .map(key: EngineType(members[0]), value: EngineType(members[1]))
    } else {
      self = .scalar(String(text))
    }
  }

  /// What stands between the outermost commas of the brackets.
  private static func members(of text: Substring, after prefix: String) -> [Substring]? {
    guard text.hasPrefix(prefix), text.hasSuffix(")") else { return nil }
    let inside = text.dropFirst(prefix.count).dropLast()
    var members: [Substring] = []
    var start = inside.startIndex
    var depth = 0
    var quote: Character?
    for index in inside.indices {
      let character = inside[index]
      if let open = quote {
        // A doubled quote ends one quotation and begins the next.
        if character == open { quote = nil }
        continue
      }
      switch character {
      case "\"", "'": quote = character
      case "(": depth += 1
      case ")": depth -= 1
      case "," where depth == 0:
        members.append(inside[start..<index])
        start = inside.index(after: index)
      default: break
      }
    }
    return members + [inside[start...]]
  }
}

extension EngineType.Field {
  /// - Parameter text: a name, in quotes where it needs them, and a type.
  fileprivate init(_ text: Substring) {
    let text = text.trimmingPrefix(" ")
    guard text.first == "\"" else {
      let end = text.firstIndex(of: " ") ?? text.endIndex
      (name, type) = (String(text[..<end]), EngineType(text[end...]))
      return
    }
    var name = ""
    var rest = text.dropFirst()
    while let quote = rest.firstIndex(of: "\"") {
      name += rest[..<quote]
      rest = rest[rest.index(after: quote)...]
      guard rest.first == "\"" else { break }
      name += "\""
      rest = rest.dropFirst()
    }
    (self.name, type) = (name, EngineType(rest))
  }
}
