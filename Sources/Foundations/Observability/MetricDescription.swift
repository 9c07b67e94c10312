/// The type of a metric in the exposition.
package enum MetricKind: String, Sendable {
  case counter
  case gauge
  case histogram
}

/// What is known about a metric before it has a value.
package struct MetricDescription: Sendable, Equatable {
  /// The exposed names; all of them show the same numbers. The first is the preferred one.
  package let names: [String]
  package let kind: MetricKind
  /// One sentence, shown as HELP and in `docs/metrics.md`.
  package let help: String
  package let labels: [String]
  /// How sampled values beyond the bound on series are put together.
  package let overflow: MetricOverflow

  package init(
    names: [String], kind: MetricKind, help: String, labels: [String] = [],
    overflow: MetricOverflow = .sum
  ) {
    precondition(!names.isEmpty && names.allSatisfy(MetricDescription.isName), "\(names)")
    precondition(labels.allSatisfy(MetricDescription.isLabel), "\(labels)")
    self.names = names
    self.kind = kind
    self.help = help
    self.labels = labels
    self.overflow = overflow
  }

  private static func isName(_ name: String) -> Bool {
    isIdentifier(name, allowsColon: true)
  }

  private static func isLabel(_ label: String) -> Bool {
    isIdentifier(label, allowsColon: false) && !label.hasPrefix("__") && label != "le"
  }

  private static func isIdentifier(_ text: String, allowsColon: Bool) -> Bool {
    for (index, byte) in text.utf8.enumerated() {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "_"):
        continue
      case UInt8(ascii: "0")...UInt8(ascii: "9") where index > 0:
        continue
      case UInt8(ascii: ":") where allowsColon:
        continue
      default:
        return false
      }
    }
    return !text.isEmpty
  }
}

/// How the values of series beyond the bound become the one series "other".
package enum MetricOverflow: Sendable, Equatable {
  case sum
  case maximum

  func combine(_ left: Double, _ right: Double) -> Double {
    switch self {
    case .sum: left + right
    case .maximum: max(left, right)
    }
  }
}
