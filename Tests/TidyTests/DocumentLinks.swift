/// What a Markdown document says of the repository, taken out of its text.
enum DocumentLinks {
  /// The targets of links that lead to other files or headings here, as they are written.
  static func targets(in text: String) -> [String] {
    text.matches(of: /\]\(([^)\s]+)\)/).map { String($0.output.1) }
      .filter { !$0.contains("://") && !$0.hasPrefix("mailto:") }
  }

  /// The anchors that headings make: lower case, spaces as hyphens, other signs left out.
  static func anchors(in text: String) -> Set<String> {
    var anchors: Set<String> = []
    for line in text.split(separator: "\n") where line.hasPrefix("#") {
      let title = line.drop { $0 == "#" || $0 == " " }.lowercased()
      anchors.insert(
        String(
          title.compactMap { sign -> Character? in
            if sign == " " { return "-" }
            return sign.isLetter || sign.isNumber || sign == "-" || sign == "_" ? sign : nil
          }))
    }
    return anchors
  }

  /// The path from the root that a link in `document` leads to, and its anchor.
  static func resolved(_ target: String, in document: String) -> (path: String, anchor: String?) {
    let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
    let anchor = parts.count == 2 ? String(parts[1]) : nil
    guard let file = parts.first, !file.isEmpty else { return (document, anchor) }
    var folders = document.split(separator: "/").dropLast().map(String.init)
    for part in file.split(separator: "/") {
      switch part {
      case "..": _ = folders.popLast()
      case ".": continue
      default: folders.append(String(part))
      }
    }
    return (folders.joined(separator: "/"), anchor)
  }

  /// Names of test suites and test targets, in backticks.
  static func suites(in text: String) -> Set<String> {
    Set(text.matches(of: /`([A-Z]\w*Tests)`/).map { String($0.output.1) })
  }

  /// Files and folders of code as `Target/File` or `Target/Folder/File`, in backticks.
  static func places(in text: String) -> Set<String> {
    Set(
      text.matches(of: /`(?:Sources\/)?([A-Z]\w+(?:\/[A-Z][\w+]+)+)(?:\.swift)?`/)
        .map { String($0.output.1) })
  }
}
