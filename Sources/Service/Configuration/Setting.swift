import Model

/// What a setting of the server takes.
package enum SettingKind: Sendable {
  case text(defaultText: String, allowed: String)
  case secret(allowed: String)
  case boolean(defaultText: String)
  case choice([String], defaultText: String)
  /// A number of `Limits`, whose default is the one declared there.
  case number(NumberSetting)
}

/// A whole number of `Limits` and its range.
package struct NumberSetting: Sendable {
  private let path: any WritableKeyPath<Limits, Int> & Sendable
  package let range: ClosedRange<Int>
  package let isBytes: Bool
  /// What the default says in the documentation where it depends on the machine.
  package let defaultText: String?

  init(
    _ path: any WritableKeyPath<Limits, Int> & Sendable, _ range: ClosedRange<Int>,
    isBytes: Bool = false, defaultText: String? = nil
  ) {
    self.path = path
    self.range = range
    self.isBytes = isBytes
    self.defaultText = defaultText
  }

  package func set(_ value: Int, in limits: inout Limits) {
    limits[keyPath: path] = value
  }

  package func value(in limits: Limits) -> Int {
    limits[keyPath: path]
  }

  /// Reads a number; sizes also take a suffix KiB, MiB or GiB. Nil when it is not one.
  package func parse(_ text: String) -> Int? {
    var digits = Substring(text)
    var factor = 1
    if isBytes {
      for (suffix, size) in NumberSetting.suffixes where digits.hasSuffix(suffix) {
        digits.removeLast(suffix.count)
        factor = size
        break
      }
    }
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return nil
    }
    guard let number = Int(digits) else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : product
  }

  package func text(_ value: Int) -> String {
    guard isBytes, value > 0 else { return String(value) }
    for (suffix, size) in NumberSetting.suffixes where value % size == 0 {
      return "\(value / size)\(suffix)"
    }
    return String(value)
  }

  private static let suffixes = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
}

/// One setting of `duckmesh serve`: an environment variable and a flag of the same meaning.
package struct Setting: Sendable {
  package let variable: String
  package let kind: SettingKind
  package let help: String

  /// `DUCKMESH_HTTP_ADDR` is `--http-addr`. A secret has none: command lines can be seen by all.
  package var flag: String? {
    if case .secret = kind { return nil }
    let name = variable.dropFirst("DUCKMESH_".count).lowercased()
    return "--" + String(name.map { $0 == "_" ? "-" : $0 })
  }

  package var defaultText: String {
    switch kind {
    case .text(let text, _), .boolean(let text), .choice(_, let text): text
    case .secret: ""
    case .number(let number): number.defaultText ?? number.text(number.value(in: Limits()))
    }
  }

  package var allowedText: String {
    switch kind {
    case .text(_, let allowed), .secret(let allowed): allowed
    case .boolean: "true, false"
    case .choice(let choices, _): choices.joined(separator: ", ")
    case .number(let number):
      "\(number.text(number.range.lowerBound)) to \(number.text(number.range.upperBound))"
    }
  }
}
