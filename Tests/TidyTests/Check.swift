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
  /// A check that looks at each line of code by itself.
  static func ofCodeLines(
    _ rule: String, appliesTo: @escaping @Sendable (SourceFile) -> Bool = Check.isSwift,
    breaks: @escaping @Sendable (Substring) -> Bool
  ) -> Check {
    Check(rule: rule, appliesTo: appliesTo) { file in
      zip(1..., file.codeLines).filter { breaks($0.1) }.map {
        Finding(path: file.path, line: $0.0, message: rule)
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
