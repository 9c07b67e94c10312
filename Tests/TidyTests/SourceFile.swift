import Testing

/// One text file of the repository, named by its path from the root.
struct SourceFile: Sendable, CustomTestStringConvertible {
  let path: String
  let lines: [Substring]
  /// The lines with comments and string contents blanked, so that a search meets code alone.
  /// Equal in number to `lines`; meaningful for Swift only.
  let codeLines: [Substring]

  init(path: String, text: String) {
    self.path = path
    lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    codeLines =
      path.hasSuffix(".swift")
      ? SwiftCode.blanked(text).split(separator: "\n", omittingEmptySubsequences: false) : lines
  }

  var testDescription: String { path }

  var name: Substring { path.split(separator: "/").last ?? "" }

  /// The lines of code that hold one of the words, numbered from 1.
  func codeLines(holding words: [String]) -> [(line: Int, text: Substring)] {
    Self.lines(of: codeLines, holding: words)
  }

  /// The lines, comments and strings included, that hold one of the words, numbered from 1.
  func lines(holding words: [String]) -> [(line: Int, text: Substring)] {
    Self.lines(of: lines, holding: words)
  }

  private static func lines(
    of lines: [Substring], holding words: [String]
  ) -> [(line: Int, text: Substring)] {
    let needles = words.map { Array($0.utf8) }
    return zip(1..., lines).filter { _, text in
      needles.contains { text.holds($0) }
    }.map { (line: $0.0, text: $0.1) }
  }

  func isUnder(_ folder: String) -> Bool { path.hasPrefix(folder + "/") }
}

extension Substring {
  /// Whether the bytes stand somewhere in the text; quicker than a search by characters.
  fileprivate func holds(_ needle: [UInt8]) -> Bool {
    let found = utf8.withContiguousStorageIfAvailable { bytes in
      guard needle.count <= bytes.count else { return false }
      return (0...(bytes.count - needle.count)).contains { start in
        bytes[start] == needle[0] && bytes[start..<(start + needle.count)].elementsEqual(needle)
      }
    }
    return found ?? false
  }
}

/// A place where a file breaks a rule.
struct Finding: Sendable, CustomStringConvertible {
  let path: String
  /// Counted from 1; 0 when the whole file is meant.
  let line: Int
  let message: String

  var description: String { "\(path):\(line): \(message)" }
}
