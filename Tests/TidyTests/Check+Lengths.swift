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
    Check(rule: "a line has at most 100 columns, unless it holds an address", appliesTo: isCode) {
      file in
      zip(1..., file.lines).filter { $0.1.count > maximumColumns && !$0.1.contains("://") }.map {
        Finding(path: file.path, line: $0.0, message: "\($0.1.count) columns")
      }
    },
  ]
}
