/// What `ingest` says at its end.
struct IngestReport {
  let options: IngestOptions
  let sourceName: String
  let console: Console

  /// Writes the summary to standard output; then, for an ingest that did not finish, why and how
  /// to resume to standard error.
  ///
  /// - Throws: `outputClosed`, `outputFailed`.
  func finish(
    _ outcome: IngestPipeline.Outcome, _ visibility: FinalWait.Outcome?, seconds: Double
  ) throws(ToolFailure) -> ExitCode {
    try console.say(summary(outcome.tally, visibility, seconds: seconds))
    for letter in outcome.tally.deadLetters {
      console.note(
        Printable.line("\(sourceName) line \(letter.line): dead-lettered, \(letter.reason)"))
    }
    guard let failure = outcome.failure else {
      if case .unconfirmed(let cause) = visibility {
        console.note(Self.unconfirmed(cause, token: outcome.tally.highestToken))
        if case .interrupted = cause { return cause.exitCode }
      }
      return outcome.tally.deadLettered > 0 ? .partial : .done
    }
    for note in outcome.failureNotes { console.note(note) }
    if !failure.message.isEmpty { console.note("duckmeshctl: " + failure.message) }
    console.note(advice(failure))
    return failure.exitCode
  }

  func summary(
    _ tally: IngestTally, _ visibility: FinalWait.Outcome?, seconds: Double
  ) -> String {
    let rate = seconds > 0 ? Int(Double(tally.confirmedRows) / seconds) : 0
    var lines = [
      "rows           \(tally.confirmedRows)",
      "accepted       \(tally.accepted)",
      "duplicates     \(tally.duplicates)",
    ]
    if tally.duplicatesInResent > 0 {
      lines[2] += " (\(tally.duplicatesInResent) in requests whose first answer was lost)"
    }
    if tally.deadLettered > 0 {
      lines.append("dead-lettered  \(tally.deadLettered) of the accepted")
    }
    if let token = tally.highestToken { lines.append("highest token  \(token)") }
    if case .visible(let snapshot) = visibility {
      lines.append("visible        " + (snapshot.map { "in snapshot \($0)" } ?? "yes"))
    }
    if tally.resentRequests > 0 { lines.append("sent again     \(tally.resentRequests) requests") }
    lines.append("seconds        \(Self.decimal(seconds))")
    lines.append("rows/s         \(rate)")
    return lines.joined(separator: "\n") + "\n"
  }

  /// The rows are durable, so the ingest itself has succeeded.
  private static func unconfirmed(_ cause: ToolFailure, token: Int?) -> String {
    let why =
      switch cause {
      case .refused(let refusal) where refusal.errorCode == "CONSISTENCY_TIMEOUT":
        "they could not be queried yet when the wait ran out"
      case .interrupted: "the wait until they can be queried was interrupted"
      default: "whether they can be queried yet is not known: " + cause.message
      }
    let advice = token.map { "; a query with --min-token \($0) waits for them" } ?? ""
    return "note: all rows are durable on the server, but \(why)\(advice)"
  }

  private func advice(_ failure: ToolFailure) -> String {
    if case .refused(let refusal) = failure, refusal.errorCode == "IDEMPOTENCY_KEY_REUSED" {
      return """
        Rows with these keys were accepted before with other contents: was the file loaded with \
        other options, or do the --key columns not identify a row?
        """
    }
    return """
      Not everything was loaded. To resume, run the same command again: rows that the server has \
      already are counted as duplicates and not added twice.
      """
  }

  /// With two digits.
  static func decimal(_ seconds: Double) -> String {
    let hundredths = Int((seconds * 100).rounded())
    let fraction = hundredths % 100
    return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
  }
}
