extension Check {
  // Written in pieces, or this file would be the first to break its rules.
  private static let unfinished = ["TO" + "DO", "FIX" + "ME"]
  private static let registries = [
    "py" + "pi.org", "python" + "hosted.org", "deb.deb" + "ian.org", "snapshot.deb" + "ian.org",
    "registry.npm" + "js.org", "crates" + ".io",
  ]
  private static let workplace = ["/wo" + "rk/", "fa" + "rm-"]

  static let wordingChecks: [Check] = [
    .ofWords("no promises of later work", unfinished, appliesTo: { $0.path != "LICENSE" }),
    .ofWords("no registry is named", registries, appliesTo: isAnyFile),
    .ofWords("the repository speaks of the product alone", workplace, appliesTo: isAnyFile),
    .ofWords(
      "documents name no temporary folder", ["/tm" + "p/"],
      appliesTo: { $0.path.hasSuffix(".md") }),
  ]

  private static func ofWords(
    _ rule: String, _ words: [String], appliesTo: @escaping @Sendable (SourceFile) -> Bool
  ) -> Check {
    Check(rule: rule, appliesTo: appliesTo) { file in
      file.lines(holding: words).map { Finding(path: file.path, line: $0.line, message: rule) }
    }
  }
}
