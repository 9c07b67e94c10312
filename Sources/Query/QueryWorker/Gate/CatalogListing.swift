/// Puts our own list of tables where a statement names the engine's.
///
/// The engine's `information_schema` and SHOW TABLES tell of all that it holds, our own helpers
/// included. Nothing can be put before them, so the statement is pointed at relations that
/// `QueryRelations` makes; the gate walks what comes out again.
enum CatalogListing {
  /// No tenant's name begins like this.
  static let schema = "_dl_information_schema"
  /// What the tenant calls it.
  static let shownSchema = "information_schema"
  static let relations: Set<String> = ["columns", "schemata", "tables"]
  /// What SHOW ALL TABLES gives.
  static let expanded = "listing"

  private static let names = "SELECT table_name AS name FROM \(schema).tables ORDER BY table_name"

  /// The rows in place of a statement that is nothing but SHOW TABLES; nil for any other.
  static func replacement(forStatement tree: JSONValue) -> String? {
    guard let table = tree["node"]?["from_table"], table["type"]?.string == "SHOW_REF",
      table["show_type"]?.string == "SHOW_SPECIAL"
    else { return nil }
    return table["table_name"]?.string == "\"tables\"" ? names : "FROM \(schema).\(expanded)"
  }

  /// - Returns: nil when the tokens cannot be told apart for certain.
  static func pointed(_ statement: String) -> String? {
    let text = Array(statement.utf8)
    var tokens = SQLTokens(text)
    var all: [SQLTokens.Token] = []
    while let token = tokens.next() { all.append(token) }
    guard !tokens.isAmbiguous else { return nil }
    var output: [UInt8] = []
    var copied = 0
    var index = 0
    while index < all.count {
      if let (range, insertion, count) = replacement(at: index, all, text) {
        output += text[copied..<range.lowerBound]
        output += Array(insertion.utf8)
        copied = range.upperBound
        index += count
      } else {
        index += 1
      }
    }
    output += text[copied...]
    return String(decoding: output, as: UTF8.self)
  }

  /// - Returns: what to replace by what, and how many tokens that took.
  private static func replacement(
    at index: Int, _ all: [SQLTokens.Token], _ text: [UInt8]
  ) -> (Range<Int>, String, Int)? {
    func name(_ offset: Int) -> String? {
      guard index + offset < all.count else { return nil }
      let token = all[index + offset]
      let bytes = text[token.range]
      switch token.kind {
      case .word: return SyntaxWalk.folded(String(decoding: bytes, as: UTF8.self))
      case .quotedName:
        return SyntaxWalk.folded(String(decoding: bytes.dropFirst().dropLast(), as: UTF8.self))
      case .literal, .symbol: return nil
      }
    }
    func isSymbol(_ offset: Int, _ character: Character) -> Bool {
      guard index + offset >= 0, index + offset < all.count else { return false }
      return all[index + offset].kind == character.asciiValue.map(SQLTokens.Kind.symbol)
    }
    if name(0) == shownSchema, isSymbol(1, "."), !isSymbol(-1, "."), let relation = name(2),
      relations.contains(relation)
    {
      return (all[index].range, schema, 1)
    }
    // (SHOW TABLES), (SHOW ALL TABLES), (DESCRIBE TABLES)
    guard isSymbol(0, "("), let verb = name(1), ["show", "describe", "desc"].contains(verb) else {
      return nil
    }
    let isExpanded = name(2) == "all"
    let count = isExpanded ? 4 : 3
    guard name(count - 1) == "tables", isSymbol(count, ")") else { return nil }
    let range = all[index + 1].range.lowerBound..<all[index + count - 1].range.upperBound
    return (range, isExpanded ? "FROM \(schema).\(expanded)" : names, count + 1)
  }

  /// A text for the tenant, with its own words.
  static func shown(_ text: String) -> String {
    text.replacing(schema, with: shownSchema)
  }
}
