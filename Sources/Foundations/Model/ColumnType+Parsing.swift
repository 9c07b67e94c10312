extension ColumnType {
  private static let longestSpelling = 16_384

  /// Reads a type as SQL spells it, in any case: DuckDB's names and aliases, `TYPE[]`,
  /// `STRUCT(name TYPE, …)` and `MAP(TYPE, TYPE)`.
  ///
  /// - Throws: `ColumnTypeError`.
  package init(sql: String) throws(ColumnTypeError) {
    guard sql.utf8.count <= Self.longestSpelling else { throw .unknown("(a long text)") }
    self = try Self.read(sql[...], nesting: 0)
  }

  private static func read(
    _ spelling: Substring, nesting: Int
  ) throws(ColumnTypeError) -> ColumnType {
    guard nesting <= maxNesting else { throw .tooDeep }
    let text = TypeText.trimmed(spelling)
    if text.utf8.last == UInt8(ascii: "]") {
      guard let bracket = text.utf8.lastIndex(of: UInt8(ascii: "[")) else {
        throw .unknown(String(text))
      }
      let inside = TypeText.trimmed(text[text.utf8.index(after: bracket)...].dropLast())
      guard inside.isEmpty else {
        throw .unsupported("ARRAY", advice: "leave the size out, which makes it a list")
      }
      return .list(try read(text[..<bracket], nesting: nesting + 1))
    }
    guard let (name, parts) = try TypeText.nestedType(text) else {
      return .scalar(try ScalarType(sql: String(text)))
    }
    if name == "MAP" { return try map(parts, nesting: nesting) }
    return try structure(parts, nesting: nesting)
  }

  private static func map(
    _ parts: [Substring], nesting: Int
  ) throws(ColumnTypeError) -> ColumnType {
    guard parts.count == 2 else {
      throw .malformed("MAP takes the type of its keys and the type of its values")
    }
    let key = try read(parts[0], nesting: nesting + 1)
    guard case .scalar(let scalar) = key, scalar.canBeMapKey else { throw .mapKey(key.sqlName) }
    return .map(key: scalar, value: try read(parts[1], nesting: nesting + 1))
  }

  private static func structure(
    _ parts: [Substring], nesting: Int
  ) throws(ColumnTypeError) -> ColumnType {
    // Before they are read: a schema never has more, and each costs.
    guard parts.count <= TableSchema.maxColumns else {
      throw .malformed("a STRUCT has at most \(TableSchema.maxColumns) fields")
    }
    var fields: [StructureField] = []
    var names: Set<String> = []
    for part in parts {
      guard let (name, type) = TypeText.field(part) else {
        throw .malformed("STRUCT takes names with types, such as STRUCT(a INTEGER, b VARCHAR)")
      }
      do throws(NameError) {
        try Names.checkField(name)
      } catch {
        throw .malformed("\"\(name)\": \(error.explanation)")
      }
      guard names.insert(name.lowercased()).inserted else {
        throw .malformed("the field \"\(name)\" stands twice (upper and lower case do not count)")
      }
      fields.append(StructureField(name: name, type: try read(type, nesting: nesting + 1)))
    }
    return .structure(fields)
  }
}

/// Takes the spelling of a type apart, without knowing any type.
private enum TypeText {
  static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while let first = text.utf8.first, isSpace(first) { text = text.dropFirst() }
    while let last = text.utf8.last, isSpace(last) { text = text.dropLast() }
    return text
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 9 && byte <= 13) }

  /// `MAP` or `STRUCT` and what stands between its parentheses, split at the outer commas.
  ///
  /// - Returns: nil for a text that begins with neither.
  static func nestedType(
    _ text: Substring
  ) throws(ColumnTypeError) -> (name: String, parts: [Substring])? {
    let word = text.prefix { $0 != "(" }
    let name = trimmed(word).uppercased()
    guard ["STRUCT", "ROW", "MAP"].contains(name) else { return nil }
    let rest = text[word.endIndex...]
    guard rest.utf8.first == UInt8(ascii: "("), rest.utf8.last == UInt8(ascii: ")"),
      let parts = split(rest.dropFirst().dropLast())
    else { throw .malformed("\(name) takes its types in parentheses") }
    return (name, parts)
  }

  /// - Returns: nil when parentheses, brackets or quotes do not match.
  private static func split(_ text: Substring) -> [Substring]? {
    var parts: [Substring] = []
    var depth = 0
    var isQuoted = false
    var start = text.startIndex
    let bytes = text.utf8
    for index in bytes.indices {
      switch bytes[index] {
      case UInt8(ascii: "\""): isQuoted.toggle()
      case _ where isQuoted: break
      case UInt8(ascii: "("), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: ")"), UInt8(ascii: "]"):
        depth -= 1
        if depth < 0 { return nil }
      case UInt8(ascii: ",") where depth == 0:
        parts.append(text[start..<index])
        start = bytes.index(after: index)
      default: break
      }
    }
    parts.append(text[start...])
    return depth == 0 && !isQuoted ? parts : nil
  }

  /// A field's name, in quotes or not, and the spelling of its type.
  static func field(_ text: Substring) -> (name: String, type: Substring)? {
    let text = trimmed(text)
    if text.utf8.first == UInt8(ascii: "\"") {
      let rest = text.dropFirst()
      guard let quote = rest.utf8.firstIndex(of: UInt8(ascii: "\"")) else { return nil }
      return (String(rest[..<quote]), rest[rest.utf8.index(after: quote)...])
    }
    guard let space = text.utf8.firstIndex(where: isSpace) else { return nil }
    return (String(text[..<space]), text[space...])
  }
}
