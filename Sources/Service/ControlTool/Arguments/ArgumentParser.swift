/// Sorts a command line into command, options and positional words.
struct ArgumentParser {
  enum Result {
    case help(CommandSpecification?)
    /// A word such as `tables` that is the first of several commands, with `--help`.
    case groupHelp(String)
    case command(CommandSpecification, ParsedArguments)
  }

  let commands: [CommandSpecification]

  /// - Parameter arguments: without the program's own name.
  /// - Throws: `usage`.
  func parse(_ arguments: [String]) throws(ToolFailure) -> Result {
    var words: [String] = []
    var values: [String: [String]] = [:]
    var switches: Set<String> = []
    var command: CommandSpecification?
    var index = 0
    var optionsEnded = false
    while index < arguments.count {
      let word = arguments[index]
      index += 1
      if optionsEnded || word == "-" || !word.hasPrefix("-") {
        words.append(word)
        if command == nil { command = named(words) }
        continue
      }
      if word == "--" {
        optionsEnded = true
        continue
      }
      if word == "-h" || word == "--help" {
        switches.insert("--help")
        continue
      }
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      // A group's bare word stands for its first command until another word decides.
      let known = (command ?? group(words).first)?.options ?? []
      let option = try option(String(parts[0]), among: known, command: command?.name)
      guard option.valueName != nil else {
        if parts.count > 1 { throw .usage("\(option.name) takes no value", command: command?.name) }
        switches.insert(option.name)
        continue
      }
      if parts.count == 1, index >= arguments.count {
        throw .usage("\(option.name) needs a value", command: command?.name)
      }
      let value = parts.count > 1 ? String(parts[1]) : arguments[index]
      if parts.count == 1 { index += 1 }
      if !option.repeats, values[option.name] != nil {
        throw .usage("\(option.name) is given twice", command: command?.name)
      }
      values[option.name, default: []].append(value)
    }
    return try finish(command, words: words, values: values, switches: switches)
  }

  private func finish(
    _ found: CommandSpecification?, words: [String], values: [String: [String]],
    switches: Set<String>
  ) throws(ToolFailure) -> Result {
    if switches.contains("--help") || words.first == "help" {
      if let found { return .help(found) }
      let rest = words.first == "help" ? Array(words.dropFirst()) : words
      if let command = named(rest) { return .help(command) }
      if let word = rest.first {
        guard !group(rest).isEmpty else { throw unknownCommand(word) }
        return .groupHelp(word)
      }
      return .help(nil)
    }
    guard let first = words.first else { throw .usage("a command is needed", command: nil) }
    guard let command = found ?? (words.count == 1 ? group(words).first : nil) else {
      throw unknownCommand(words.prefix(group([first]).isEmpty ? 1 : 2).joined(separator: " "))
    }
    let used = found == nil ? 1 : command.name.split(separator: " ").count
    let positionals = Array(words.dropFirst(used))
    guard command.argumentCount.contains(positionals.count) else {
      let wanted = command.arguments.isEmpty ? "no arguments" : command.arguments
      throw .usage("\(command.name) takes \(wanted)", command: command.name)
    }
    for name in Array(values.keys) + Array(switches) {
      let known = command.options + OptionSpecification.global
      if !known.contains(where: { $0.name == name }) {
        throw .usage("\(command.name) has no option \(name)", command: command.name)
      }
    }
    let parsed = ParsedArguments(
      command: command.name, positionals: positionals, values: values, switches: switches)
    return .command(command, parsed)
  }

  private func named(_ words: [String]) -> CommandSpecification? {
    let oneWord = words.first.flatMap { word in commands.first { $0.name == word } }
    guard words.count >= 2 else { return oneWord }
    let name = words.prefix(2).joined(separator: " ")
    return commands.first { $0.name == name } ?? oneWord
  }

  /// The commands whose first of two words is this one.
  private func group(_ words: [String]) -> [CommandSpecification] {
    guard let word = words.first else { return [] }
    return commands.filter { $0.name.hasPrefix(word + " ") }
  }

  private func option(
    _ name: String, among known: [OptionSpecification], command: String?
  ) throws(ToolFailure) -> OptionSpecification {
    let all = known + OptionSpecification.global
    if let option = all.first(where: { $0.name == name }) { return option }
    let near = NearSpelling.nearest(to: name, among: all.map(\.name))
    let hint = near.map { "; did you mean \($0)?" } ?? ""
    let owner = command.map { "\($0) has" } ?? "there is"
    throw .usage("\(owner) no option \(name)\(hint)", command: command)
  }

  private func unknownCommand(_ name: String) -> ToolFailure {
    let groups = commands.compactMap { $0.name.split(separator: " ").first.map(String.init) }
    let near = NearSpelling.nearest(to: name, among: commands.map(\.name) + groups)
    return .usage(
      "there is no command \(name)" + (near.map { "; did you mean \($0)?" } ?? ""), command: nil)
  }
}
