/// The words of a command line, sorted by what they are.
struct ParsedArguments: Sendable {
  let command: String
  let positionals: [String]
  let values: [String: [String]]
  let switches: Set<String>

  func has(_ name: String) -> Bool {
    switches.contains(name)
  }

  /// The last value given, as a later option overrides an earlier one.
  func text(_ name: String) -> String? {
    values[name]?.last
  }

  func all(_ name: String) -> [String] {
    values[name] ?? []
  }

  /// - Throws: `usage` when the value is no whole number inside the range.
  func integer(
    _ name: String, in range: ClosedRange<Int>, default fallback: Int
  ) throws(ToolFailure) -> Int {
    try integer(name, in: range) ?? fallback
  }

  /// - Throws: `usage` when the value is no whole number inside the range.
  func integer(_ name: String, in range: ClosedRange<Int>) throws(ToolFailure) -> Int? {
    guard let text = text(name) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw .usage(
        "\(name) takes a whole number from \(range.lowerBound) to \(range.upperBound)",
        command: command)
    }
    return number
  }

  /// - Throws: `usage` when the value is none of the choices.
  func choice<Choice: RawRepresentable & CaseIterable>(
    _ name: String, default fallback: Choice
  ) throws(ToolFailure) -> Choice where Choice.RawValue == String {
    guard let text = text(name) else { return fallback }
    guard let choice = Choice(rawValue: text) else {
      let choices = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw .usage("\(name) takes one of: \(choices)", command: command)
    }
    return choice
  }
}
