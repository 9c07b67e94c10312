/// A setting that cannot stand, and why. The text never repeats a secret.
package struct ConfigurationProblem: Sendable, Equatable, CustomStringConvertible {
  /// The variable, or the argument when no setting is meant.
  package let name: String
  package let problem: String

  package var description: String { "\(name): \(problem)" }
}

/// Why the server does not start: every problem of its settings, at least one.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  package let problems: [ConfigurationProblem]

  package var description: String {
    problems.map(\.description).joined(separator: "\n")
  }
}
