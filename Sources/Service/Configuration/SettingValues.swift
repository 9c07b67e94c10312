/// The text of each setting from flags, environment or default, in this order of precedence; and
/// the problems found on the way.
struct SettingValues {
  private var texts: [String: String] = [:]
  private(set) var problems: [ConfigurationProblem] = []
  /// Variables named `DUCKMESH_…` that no setting has: perhaps misspelt.
  private(set) var unknownVariables: [String] = []

  init(arguments: [String], environment: [String: String]) {
    let variables = Set(Setting.all.map(\.variable))
    // duckmeshctl's own, which stand in the same environment.
    let known: Set<String> = ["DUCKMESH_URL", "DUCKMESH_API_KEY", "DUCKMESH_TENANT"]
    for (name, value) in environment where name.hasPrefix("DUCKMESH_") {
      if variables.contains(name) {
        texts[name] = value
      } else if !known.contains(name) {
        unknownVariables.append(name)
      }
    }
    unknownVariables.sort()
    readArguments(arguments)
  }

  /// The text given for the setting; nil when it is not set, or set to nothing.
  subscript(_ variable: String) -> String? {
    guard let text = texts[variable], !text.isEmpty else { return nil }
    return text
  }

  mutating func refuse(_ name: String, _ problem: String) {
    problems.append(ConfigurationProblem(name: name, problem: problem))
  }

  /// The boolean given for the setting, nil when not set.
  mutating func boolean(_ variable: String) -> Bool? {
    switch self[variable] {
    case nil: return nil
    case "true", "1": return true
    case "false", "0": return false
    case let text?:
      refuse(variable, "must be true or false, not \"\(text)\"")
      return nil
    }
  }

  /// The choice given for the setting, nil when not set.
  mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ variable: String, of type: Choice.Type
  ) -> Choice? {
    guard let text = self[variable] else { return nil }
    if let choice = Choice(rawValue: text) { return choice }
    let choices = type.allCases.map(\.rawValue).joined(separator: ", ")
    refuse(variable, "must be one of \(choices), not \"\(text)\"")
    return nil
  }

  private mutating func readArguments(_ arguments: [String]) {
    let settings = Dictionary(
      uniqueKeysWithValues: Setting.all.compactMap { setting in
        setting.flag.map { ($0, setting) }
      })
    var given: Set<String> = []
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let flag = String(parts.first ?? "")
      guard let setting = settings[flag] else {
        refuseArgument(flag)
        return
      }
      guard given.insert(flag).inserted else {
        refuse(setting.variable, "the flag \(flag) is given twice")
        continue
      }
      if parts.count == 2 {
        texts[setting.variable] = String(parts[1])
      } else if case .boolean = setting.kind {
        texts[setting.variable] = "true"
      } else if let value = rest.popFirst() {
        texts[setting.variable] = value
      } else {
        refuse(setting.variable, "the flag \(flag) needs a value")
      }
    }
  }

  private mutating func refuseArgument(_ flag: String) {
    let secret = Setting.all.first { setting in
      setting.flag == nil && flag == "--" + SettingValues.flagName(setting.variable)
    }
    if let secret {
      refuse(
        secret.variable,
        "is a secret and cannot be a flag, which every user could see: set the "
          + "environment variable")
    } else {
      let isFlag = flag.hasPrefix("--")
      refuse(
        isFlag ? flag : "arguments",
        (isFlag ? "" : "\"\(flag)\" ")
          + "is no flag of duckmesh serve; docs/configuration.md lists them")
    }
  }

  private static func flagName(_ variable: String) -> String {
    String(variable.dropFirst("DUCKMESH_".count).lowercased().map { $0 == "_" ? "-" : $0 })
  }
}
