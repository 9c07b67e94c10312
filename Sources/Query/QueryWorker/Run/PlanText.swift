/// Takes file paths out of the plans that EXPLAIN shows.
package enum PlanText {
  /// Blanks every path below the folders, to the end of its box or string and in the same width.
  ///
  /// - Returns: nil when a folder could still be read from it, broken over lines for instance.
  package static func hiding(_ folders: [String], in plan: String) -> String? {
    var text = plan
    for folder in folders {
      text = blanking(folder, in: text)
    }
    let compact = text.filter(isPathCharacter)
    for folder in folders where compact.contains(folder.filter(isPathCharacter)) {
      return nil
    }
    return text
  }

  private static func blanking(_ folder: String, in text: String) -> String {
    var output = ""
    var rest = text[...]
    while let found = rest.firstRange(of: folder) {
      output += rest[..<found.lowerBound]
      let end = rest[found.lowerBound...].firstIndex(where: endsPath) ?? rest.endIndex
      let width = rest[found.lowerBound..<end].count
      output += "…" + String(repeating: " ", count: width - 1)
      rest = rest[end...]
    }
    return output + rest
  }

  private static func endsPath(_ character: Character) -> Bool {
    character == "│" || character == "\"" || character.isNewline
  }

  private static func isPathCharacter(_ character: Character) -> Bool {
    character.isASCII && !character.isWhitespace
  }
}
