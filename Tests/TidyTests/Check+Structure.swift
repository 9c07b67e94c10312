extension Check {
  static let structureChecks: [Check] = [
    Check(
      rule: "a C module is imported by its one wrapper alone", appliesTo: isSwift,
      findings: { cImportFindings($0, wrappers: Manifest.current.wrapperOfCModule) }),
    .ofCodeLines(
      "no public: the package's own access level is enough", holding: ["public", "open"],
      breaks: { line in
        line.contains(/(^|\s)(public|open)(\(set\))?\s+(class|final|func|struct|enum|actor)\b/)
          || line.contains(/(^|\s)(public|open)(\(set\))?\s+(protocol|extension|typealias)\b/)
          || line.contains(/(^|\s)(public|open)(\(set\))?\s+(var|let|static|init)\b/)
      }),
    Check(rule: "no file named for being useful", appliesTo: isAnyFile) { file in
      guard file.name.contains(/(Utils?|Utilities|Helpers?|Misc)\.\w+$/) else { return [] }
      return [Finding(path: file.path, line: 0, message: "name the file after what it holds")]
    },
    Check(rule: "no banner comments", appliesTo: isCode) { file in
      file.lines(holding: ["==", "**", "##", "~~", "--"])
        .filter { $0.text.contains(/^\s*(\/\/|#)\s*[=*#~-]{4,}/) }
        .map { Finding(path: file.path, line: $0.line, message: "banner") }
    },
  ]

  @Sendable private static func cImportFindings(
    _ file: SourceFile, wrappers: [String: String]
  ) -> [Finding] {
    file.codeLines(holding: ["import "]).compactMap { line, code in
      let pattern = /\bimport\s+(?:(?:struct|class|enum|protocol|typealias|func|let|var)\s+)?(\w+)/
      guard let module = code.firstMatch(of: pattern)?.output.1,
        let wrapper = wrappers[String(module)], !file.isUnder("Sources/Wrappers/\(wrapper)")
      else { return nil }
      return Finding(path: file.path, line: line, message: "\(module) belongs to \(wrapper)")
    }
  }
}
