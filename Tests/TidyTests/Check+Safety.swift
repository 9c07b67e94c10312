extension Check {
  /// The two places that turn callbacks and long-running work into tasks somebody waits for.
  private static let taskStarters = ["Sources/Foundations/Runtime", "Sources/Wrappers/HTTPServer"]

  static let safetyChecks: [Check] = [
    .ofCodeLines("no try!", holding: ["try!"]),
    .ofCodeLines(
      "no fatalError", holding: ["fatalError"], breaks: { $0.contains(/\bfatalError\s*\(/) }),
    Check(
      rule: "@unchecked and nonisolated(unsafe) say why on their line or the line above",
      appliesTo: isSwift, findings: unexplainedUnsafety),
    .ofCodeLines(
      "no unstructured Task outside the runtime and the HTTP server", holding: ["Task"],
      appliesTo: { file in
        isProductSwift(file) && !taskStarters.contains { file.isUnder($0) }
      },
      breaks: {
        $0.contains(/\bTask\s*(<[^>]*>\s*)?(\.init\s*)?[({]/) || $0.contains(/\bTask\s*\.detached/)
          || $0.contains(/\bTask\s*\.immediate/)
      }),
    .ofCodeLines(
      "no print outside the command-line programs", holding: ["rint(", "dump("],
      appliesTo: {
        isProductSwift($0) && !$0.isUnder("Sources/Programs")
          && !$0.isUnder("Sources/Service/ControlTool")
      },
      breaks: { $0.contains(/(^|[^\w.])(debugPrint|print|dump)\(/) }),
  ]

  @Sendable private static func unexplainedUnsafety(_ file: SourceFile) -> [Finding] {
    file.codeLines(holding: ["@unchecked", "nonisolated(unsafe)"]).compactMap { line, _ in
      var above = line - 2
      while above > 0, file.lines[above].contains(/^\s*@\w+\s*$/) { above -= 1 }
      let near = [file.lines[line - 1], file.lines[max(0, above)]]
      if near.contains(where: { $0.contains(/\/\/+\s*\S.{8,}/) }) { return nil }
      return Finding(path: file.path, line: line, message: "unsafe without a reason")
    }
  }
}
