import Foundation
import Testing

/// The examples of `docs/dead-letters.md`, run in their order by a shell.
@Suite struct DeadLetterGuideTests {
  private struct Example {
    let commands: String
    /// The answer as the guide shows it; `…` stands for anything.
    let answer: String
  }

  private static func examples() throws -> [Example] {
    let text = try String(
      contentsOfFile: Repository.path("docs/dead-letters.md"), encoding: .utf8)
    let blocks = text.matches(of: /(?s)```(sh|json)\n(.*?)```/).map {
      (kind: String($0.output.1), text: String($0.output.2))
    }
    return zip(blocks, blocks.dropFirst()).compactMap { block, next in
      guard block.kind == "sh", next.kind == "json" else { return nil }
      return Example(commands: block.text, answer: next.text)
    }
  }

  private static func holds(_ output: String, _ answer: String) -> Bool {
    var rest = output[...]
    for piece in answer.trimmingCharacters(in: .whitespacesAndNewlines).split(separator: "…") {
      guard let found = rest.range(of: piece) else { return false }
      rest = rest[found.upperBound...]
    }
    return true
  }

  @Test func theExamplesOfTheGuideAnswerAsItSays() async throws {
    let examples = try Self.examples()
    #expect(examples.count == 6)
    try await ServerProcess.with { server in
      let folder = try TemporaryFolder()
      for (number, example) in examples.enumerated() {
        let child = try await ChildProcess(
          "/bin/sh", ["-e", "-c", example.commands],
          environment: [
            "api": server.address + "/v1", "json": "Content-Type: application/json",
            "PATH": "/usr/bin:/bin",
          ], output: "\(folder.path)/\(number).out", errorOutput: "\(folder.path)/\(number).err")
        #expect(await child.end() == .exited(0), "\(folder.read("\(number).err"))")
        let output = folder.read("\(number).out")
        #expect(Self.holds(output, example.answer), "\(example.commands)\n\(output)")
      }
    }
  }
}
