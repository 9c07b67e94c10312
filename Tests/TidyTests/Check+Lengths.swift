extension Check {
  private static let maximumFileLines = 500
  private static let maximumFunctionLines = 70
  private static let maximumColumns = 100

  static let lengthChecks: [Check] = [
    Check(rule: "a file has at most 500 lines", appliesTo: isCode) { file in
      guard file.lines.count > maximumFileLines + 1 else { return [] }
      let message = "\(file.lines.count) lines, at most \(maximumFileLines)"
      return [Finding(path: file.path, line: 0, message: message)]
    },
    Check(rule: "a function has at most 70 lines", appliesTo: isSwift) { file in
      SwiftFunctions.extents(in: file.codeLines)
        .filter { $0.lineCount > maximumFunctionLines }
        .map {
          let message = "function of \($0.lineCount) lines, at most \(maximumFunctionLines)"
          return Finding(path: file.path, line: $0.line, message: message)
        }
    },
    Check(
      rule: "a line has at most 100 columns, unless it holds an address or a text",
      appliesTo: isCode, findings: longLines),
  ]

  /// A long text in quotes, or within a text of several lines, may be worth more than the limit.
  @Sendable private static func longLines(_ file: SourceFile) -> [Finding] {
    zip(1..., zip(file.lines, file.codeLines)).compactMap { line, texts in
      let (text, code) = texts
      guard text.utf8.count > maximumColumns, text.count > maximumColumns else { return nil }
      let isComment = text.contains(/^\s*(\/\/|#[^"])/)
      let isWithinText = code.allSatisfy(\.isWhitespace)
      if text.contains("://") || !isComment && (text.contains("\"") || isWithinText) { return nil }
      return Finding(path: file.path, line: line, message: "\(text.count) columns")
    }
  }
}
