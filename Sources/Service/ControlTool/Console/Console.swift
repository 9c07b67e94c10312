import Glibc

/// The three streams of the tool, and which of them a person looks at.
package struct Console: Sendable {
  package let input: Int32
  package let output: OutputWriter
  package let errors: OutputWriter
  package let outputIsTerminal: Bool
  package let errorsAreTerminal: Bool

  package init(
    input: Int32, output: OutputWriter, errors: OutputWriter, outputIsTerminal: Bool = false,
    errorsAreTerminal: Bool = false
  ) {
    self.input = input
    self.output = output
    self.errors = errors
    self.outputIsTerminal = outputIsTerminal
    self.errorsAreTerminal = errorsAreTerminal
  }

  /// The process's own streams.
  package static func standard() -> Console {
    Console(
      input: STDIN_FILENO, output: OutputWriter(descriptor: STDOUT_FILENO),
      errors: OutputWriter(descriptor: STDERR_FILENO), outputIsTerminal: isatty(STDOUT_FILENO) == 1,
      errorsAreTerminal: isatty(STDERR_FILENO) == 1)
  }

  /// Writes to standard output.
  func say(_ text: String) throws(ToolFailure) {
    do {
      try output.write(text)
    } catch {
      throw ToolFailure(error)
    }
  }

  /// Writes a line to standard error; nobody reading it is no reason to stop.
  func note(_ text: String) {
    try? errors.write(text + "\n")
    try? errors.flush()
  }
}

extension ToolFailure {
  init(_ failure: OutputWriter.Failure) {
    switch failure {
    case .closed: self = .outputClosed
    case .failed(let reason): self = .outputFailed(reason: reason)
    }
  }
}
