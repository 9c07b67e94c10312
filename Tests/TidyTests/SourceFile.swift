/// One text file of the repository, named by its path from the root.
struct SourceFile: Sendable {
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

  var name: Substring { path.split(separator: "/").last ?? "" }

  func isUnder(_ folder: String) -> Bool { path.hasPrefix(folder + "/") }
}

/// A place where a file breaks a rule.
struct Finding: Sendable, CustomStringConvertible {
  let path: String
  /// Counted from 1; 0 when the whole file is meant.
  let line: Int
  let message: String

  var description: String { "\(path):\(line): \(message)" }
}
