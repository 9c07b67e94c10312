/// What the tool tells the shell.
package enum ExitCode: Int32, CaseIterable, Sendable {
  case done = 0
  case refused = 1
  case usage = 2
  case unreachable = 3
  case partial = 4
  case badInput = 5
  case interrupted = 130
  case outputClosed = 141
  case terminated = 143

  /// As the help says it.
  package var meaning: String {
    switch self {
    case .done: "done"
    case .refused: "the server refused; its error_code, message and trace id are on stderr"
    case .usage: "the command line is wrong"
    case .unreachable: "the server cannot be reached, or did not answer in time"
    case .partial: "done, but the server put some rows into the dead letters"
    case .badInput: "the input cannot be read or a row converted, or the output cannot be written"
    case .interrupted: "interrupted by Ctrl-C; an ingest says how to resume"
    case .outputClosed: "whoever read the output has gone"
    case .terminated: "ended by a termination signal"
    }
  }
}
