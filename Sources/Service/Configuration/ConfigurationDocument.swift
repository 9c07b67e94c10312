/// The settings as documents: the table of `docs/configuration.md` and the help of the program.
package enum ConfigurationDocument {
  /// A Markdown table of all settings.
  package static var markdownTable: String {
    var lines = [
      "| Variable | Flag | Default | Allowed | Meaning |", "| --- | --- | --- | --- | --- |",
    ]
    for setting in Setting.all {
      let cells = [
        "`\(setting.variable)`", setting.flag.map { "`\($0)`" } ?? "none, it is a secret",
        setting.defaultText, setting.allowedText, setting.help,
      ]
      // A bar inside a cell would end it.
      let escaped = cells.map { $0.split(separator: "|", omittingEmptySubsequences: false) }
        .map { $0.joined(separator: "\\|") }
      lines.append("| " + escaped.joined(separator: " | ") + " |")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// What `duckmesh serve --help` prints about the settings.
  package static var helpText: String {
    Setting.all.map { setting in
      let title = setting.flag.map { "\($0), \(setting.variable)" } ?? setting.variable
      let defaultText = setting.defaultText.isEmpty ? "none" : setting.defaultText
      return "  \(title)\n      \(setting.help)\n      default: \(defaultText)\n"
    }.joined()
  }
}
