/// Why a command ends without having done its work.
package enum ToolFailure: Error, Sendable, Equatable {
  case usage(String, command: String?)
  case refused(ServerRefusal)
  /// No answer: not listening, not in time, or cut off.
  case unreachable(String)
  /// The server answered with something that its contract does not have.
  case unexpectedAnswer(String)
  /// The file or stream itself: missing, unreadable, damaged, changed meanwhile.
  case unreadableInput(name: String, reason: String)
  /// One row of the input.
  case badRow(InputProblem)
  case interrupted(by: StopSignal.Reason)
  case outputClosed
  case outputFailed(reason: String)

  package var exitCode: ExitCode {
    switch self {
    case .usage: .usage
    case .refused, .unexpectedAnswer: .refused
    case .unreachable: .unreachable
    case .unreadableInput, .badRow: .badInput
    case .interrupted(let reason): reason == .terminated ? .terminated : .interrupted
    case .outputClosed: .outputClosed
    case .outputFailed: .badInput
    }
  }

  /// One or more lines for standard error; empty when there is nothing to say.
  package var message: String {
    switch self {
    case .usage(let text, let command):
      "\(text)\nTry: duckmeshctl \(command.map { $0 + " " } ?? "")--help"
    case .refused(let refusal): refusal.message
    case .unreachable(let text): text
    case .unexpectedAnswer(let text): "the server's answer is not understood: \(text)"
    case .unreadableInput(let name, let reason): "\(name): \(reason)"
    case .badRow(let problem): problem.message
    case .interrupted: "interrupted"
    case .outputClosed: ""
    case .outputFailed(let reason): "the output cannot be written: \(reason)"
    }
  }
}
