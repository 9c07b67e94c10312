/// Quoting for SQL that is put together as text.
package enum SQLText {
  package static func literal(_ text: String) -> String { quoted(text, with: "'") }
  package static func identifier(_ name: String) -> String { quoted(name, with: "\"") }

  private static func quoted(_ text: String, with quote: Character) -> String {
    var result = String(quote)
    for character in text {
      result.append(character)
      if character == quote { result.append(quote) }
    }
    result.append(quote)
    return result
  }
}
