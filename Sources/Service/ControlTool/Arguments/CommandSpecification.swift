/// One command of the tool: what it takes, what it says about itself, what it runs.
struct CommandSpecification: Sendable {
  struct Example: Sendable {
    let command: String
    let meaning: String
  }

  /// One or two words, such as `tables create`.
  let name: String
  /// As the usage line shows them, such as `TABLE FILE|-`.
  let arguments: String
  let argumentCount: ClosedRange<Int>
  let summary: String
  let details: String
  let options: [OptionSpecification]
  let examples: [Example]
  let run: @Sendable (Invocation) throws(ToolFailure) -> ExitCode

  init(
    _ name: String, arguments: String = "", count: ClosedRange<Int> = 0...0, summary: String,
    details: String = "", options: [OptionSpecification] = [], examples: [Example] = [],
    run: @escaping @Sendable (Invocation) throws(ToolFailure) -> ExitCode
  ) {
    self.name = name
    self.arguments = arguments
    argumentCount = count
    self.summary = summary
    self.details = details
    self.options = options
    self.examples = examples
    self.run = run
  }
}
