import Foundation

/// A page of documentation whose examples are run: blocks of `sh` and `python` in their order, each
/// with the output that a block of `text` right behind it shows.
struct Guide {
  struct Example: Sendable {
    let language: String
    let code: String
    /// `…` stands for anything.
    let output: String?
  }

  let examples: [Example]

  init(_ page: String) {
    var blocks: [(language: String, lines: [String])] = []
    var isInside = false
    for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        isInside.toggle()
        if isInside { blocks.append((String(line.dropFirst(3)), [])) }
      } else if isInside {
        blocks[blocks.count - 1].lines.append(String(line))
      }
    }
    var examples: [Example] = []
    for block in blocks {
      let text = block.lines.joined(separator: "\n")
      if block.language == "text", let last = examples.popLast() {
        examples.append(Example(language: last.language, code: last.code, output: text))
      } else {
        examples.append(Example(language: block.language, code: text, output: nil))
      }
    }
    self.examples = examples
  }

  /// Whether an output is what the page shows, line ends and their number at the end aside.
  static func matches(_ output: String, _ shown: String) -> Bool {
    let output = normalised(output)
    var rest = output[...]
    let parts = normalised(shown).components(separatedBy: "…")
    for (index, part) in parts.enumerated() {
      if index == 0 {
        guard rest.hasPrefix(part) else { return false }
        rest = rest.dropFirst(part.count)
      } else if index == parts.count - 1 {
        return rest.hasSuffix(part)
      } else {
        guard let found = rest.range(of: part) else { return false }
        rest = rest[found.upperBound...]
      }
    }
    return rest.isEmpty
  }

  private static func normalised(_ text: String) -> String {
    text.replacing("\r\n", with: "\n").trimmingCharacters(in: .newlines)
  }
}
