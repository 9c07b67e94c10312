import WorkerProtocol

extension SyntaxWalk {
  func members(of node: JSONValue) throws(QueryFailure) -> [JSONMember] {
    guard case .object(let members) = node else { throw Self.notAllowed("this form of statement") }
    return members
  }

  func name(_ member: String, of node: JSONValue) throws(QueryFailure) -> String {
    guard let text = node[member]?.string else {
      throw Self.notAllowed("this form of statement")
    }
    return text
  }

  static func notAllowed(_ what: String) -> QueryFailure {
    QueryFailure(.sqlNotAllowed, "not allowed in a query: \(what)")
  }

  static func noSuchTable(_ name: String) -> QueryFailure {
    QueryFailure(.tableNotFound, "there is no table \(quoted(name))")
  }

  /// The engine compares names by the lower case of ASCII letters.
  static func folded(_ name: String) -> String {
    String(
      decoding: name.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
  }

  /// Whether the engine might open a file of that name where it finds no table.
  static func looksLikeFile(_ name: String) -> Bool {
    name.utf8.contains { byte in
      byte == UInt8(ascii: ".") || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\")
        || byte == UInt8(ascii: "*") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: ":")
    }
  }

  static func isTableName(_ name: String) -> Bool {
    guard let first = name.utf8.first, name.utf8.count <= 63 else { return false }
    let isDigit = (0x30...0x39).contains(first)
    return !isDigit
      && name.utf8.allSatisfy { byte in
        (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte)
          || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "_")
      }
  }

  /// A name for an error text: short, and without characters that would break the line.
  static func quoted(_ name: String) -> String {
    let shown = name.prefix(64).unicodeScalars.filter { $0.value >= 0x20 && $0 != "\"" }
    return "\"\(String(String.UnicodeScalarView(shown)))\""
  }

  /// `COPY_QUERY_NODE` → `COPY`
  static func readable(_ type: String) -> String {
    type.split(separator: "_").first.map(String.init) ?? "this"
  }
}
