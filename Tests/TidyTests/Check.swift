import Testing

/// A rule of the house that one file alone can obey or break.
struct Check: Sendable, CustomTestStringConvertible {
  let rule: String
  let appliesTo: @Sendable (SourceFile) -> Bool
  let findings: @Sendable (SourceFile) -> [Finding]

  var testDescription: String { rule }

  static let all: [Check] =
    lengthChecks + safetyChecks + structureChecks + testChecks + wordingChecks + decisionChecks
}

extension Check {
  /// A check that looks at each line of code that holds one of the words, by itself.
  ///
  /// Patterns are slow, so they meet only lines that a plain search has chosen.
  static func ofCodeLines(
    _ rule: String, holding words: [String],
    appliesTo: @escaping @Sendable (SourceFile) -> Bool = Check.isSwift,
    breaks: @escaping @Sendable (Substring) -> Bool = { _ in true }
  ) -> Check {
    Check(rule: rule, appliesTo: appliesTo) { file in
      file.codeLines(holding: words).filter { breaks($0.text) }.map {
        Finding(path: file.path, line: $0.line, message: rule)
      }
    }
  }

  @Sendable static func isAnyFile(_ file: SourceFile) -> Bool { true }

  @Sendable static func isSwift(_ file: SourceFile) -> Bool { file.path.hasSuffix(".swift") }

  @Sendable static func isProductSwift(_ file: SourceFile) -> Bool {
    isSwift(file) && file.isUnder("Sources")
  }

  @Sendable static func isTestSwift(_ file: SourceFile) -> Bool {
    isSwift(file) && file.isUnder("Tests")
  }

  @Sendable static func isCode(_ file: SourceFile) -> Bool {
    let suffixes = [".swift", ".c", ".cpp", ".h", ".py", ".sh", ".sql"]
    return suffixes.contains { file.path.hasSuffix($0) } || isShell(file)
  }

  @Sendable static func isShell(_ file: SourceFile) -> Bool {
    guard let first = file.lines.first, first.hasPrefix("#!") else { return false }
    return first.hasSuffix("bash") || first.hasSuffix("/sh")
  }
}
