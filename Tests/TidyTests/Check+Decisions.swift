extension Check {
  private static let sections = ["## Context", "## Decision", "## Consequences"]

  @Sendable private static func isDecision(_ file: SourceFile) -> Bool {
    file.isUnder("docs/decisions")
  }

  static let decisionChecks: [Check] = [
    Check(
      rule: "a decision record has a numbered title, its context, decision and consequences",
      appliesTo: isDecision
    ) { file in
      var findings: [Finding] = []
      let number = file.name.prefix(4)
      if !file.name.contains(/^\d{4}-[a-z0-9-]+\.md$/) {
        findings.append(Finding(path: file.path, line: 0, message: "name it NNNN-title.md"))
      }
      if file.lines.first?.hasPrefix("# \(number): ") != true {
        findings.append(Finding(path: file.path, line: 1, message: "title is '# \(number): …'"))
      }
      let found = file.lines.filter { $0.hasPrefix("## ") }.map(String.init)
      if found != sections {
        let message = "sections are \(sections), not \(found)"
        findings.append(Finding(path: file.path, line: 0, message: message))
      }
      return findings
    }
  ]
}
