/// Renders help from the commands' own descriptions, so that it cannot fall behind them.
struct HelpText {
  let commands: [CommandSpecification]

  private static let width = 88

  func tool() -> String {
    var lines = [
      "duckmeshctl: load, query and watch a DuckMesh server", "",
      "Usage: duckmeshctl [GLOBAL OPTIONS] COMMAND [ARGUMENTS] [OPTIONS]", "", "Commands:",
    ]
    lines += table(commands.map { (usage($0), $0.summary) })
    lines += ["", "Global options:"]
    lines += optionLines(OptionSpecification.global)
    lines += ["", "Examples:"]
    lines += [
      "  duckmeshctl ingest flights flights.csv.gz --create --null NA",
      "  duckmeshctl query \"SELECT carrier, count(*) FROM flights GROUP BY ALL ORDER BY 2 DESC\"",
      "  duckmeshctl lag",
    ]
    lines += ["", "Exit codes:"]
    lines += table(ExitCode.allCases.map { (String($0.rawValue), $0.meaning) })
    lines += ["", "duckmeshctl COMMAND --help tells more about a command."]
    return lines.joined(separator: "\n") + "\n"
  }

  func group(_ word: String) -> String {
    let members = commands.filter { $0.name.hasPrefix(word + " ") }
    var lines = ["Commands:"]
    lines += table(members.map { (usage($0), $0.summary) })
    lines += ["", "duckmeshctl \(word) COMMAND --help tells more; bare \(word) is a list."]
    return lines.joined(separator: "\n") + "\n"
  }

  func command(_ command: CommandSpecification) -> String {
    var lines = [command.summary, "", "Usage: duckmeshctl \(usage(command)) [OPTIONS]"]
    if !command.details.isEmpty { lines += [""] + wrapped(command.details, indent: 0) }
    if !command.options.isEmpty { lines += ["", "Options:"] + optionLines(command.options) }
    lines += ["", "Global options:"] + optionLines(OptionSpecification.global)
    if !command.examples.isEmpty {
      lines += ["", "Examples:"]
      for example in command.examples {
        lines += wrapped(example.meaning, indent: 2, first: "  # ", rest: "  # ")
        lines += ["  " + example.command]
      }
    }
    lines += ["", "Exit codes: 0 done; 1 refused; 2 usage; 3 no answer; see duckmeshctl --help."]
    return lines.joined(separator: "\n") + "\n"
  }

  private func usage(_ command: CommandSpecification) -> String {
    command.arguments.isEmpty ? command.name : command.name + " " + command.arguments
  }

  private func optionLines(_ options: [OptionSpecification]) -> [String] {
    table(
      options.map { option in
        let value = option.valueName.map { " " + $0 } ?? ""
        let more = option.repeats ? " ..." : ""
        return (option.name + value + more, option.help)
      })
  }

  private func table(_ rows: [(String, String)]) -> [String] {
    let column = min(28, (rows.map(\.0.count).max() ?? 0) + 4)
    return rows.flatMap { name, help in
      let lead = "  " + name
      let rest = String(repeating: " ", count: column)
      guard lead.count + 2 <= column else {
        return [lead] + wrapped(help, indent: column, first: rest, rest: rest)
      }
      let first = lead + String(repeating: " ", count: column - lead.count)
      return wrapped(help, indent: column, first: first, rest: rest)
    }
  }

  /// Breaks each paragraph at spaces; an indented line stays as it is.
  private func wrapped(
    _ text: String, indent: Int, first: String = "", rest: String = ""
  ) -> [String] {
    var lines: [String] = []
    for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if paragraph.hasPrefix("  ") {
        lines.append(rest + paragraph)
        continue
      }
      var line = lines.isEmpty ? first : rest
      var isEmpty = true
      for word in paragraph.split(separator: " ") {
        if !isEmpty, line.count + 1 + word.count > Self.width {
          lines.append(line)
          line = rest
          isEmpty = true
        }
        line += (isEmpty ? "" : " ") + word
        isEmpty = false
      }
      lines.append(line)
    }
    return lines
  }
}
