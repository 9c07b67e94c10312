import Foundation
import TestSupport
import Testing

@Suite struct GuideTests {
  /// Runs the examples of a page one after the other in one folder, with a server of the page's own
  /// in place of the one at port 8080. Shell examples share their variables.
  @Test(arguments: ["docs/queries.md", "docs/bulk.md", "docs/partitioning.md"])
  func theExamplesOfAGuideDoWhatItSays(page: String) async throws {
    try await ServerProcess.with { server in try await Self.follow(page, server) }
  }

  @Test func theExamplesOfReplayingDoWhatTheGuideSays() async throws {
    try await ServerProcess.with(["DUCKMESH_SEGMENT_RETENTION_SECONDS": "86400"]) { server in
      try await Self.follow("docs/replay.md", server)
    }
  }

  private static func follow(_ page: String, _ server: ServerProcess) async throws {
    let text = try String(contentsOfFile: Repository.path(page), encoding: .utf8)
      .replacing("http://127.0.0.1:8080", with: server.address)
    let guide = Guide(text)
    #expect(guide.examples.count >= 3)
    let folder = try TemporaryFolder()
    var variables = "set -euo pipefail\nexport DUCKMESH_URL=\(server.address)\n"
    variables += "export PATH=\(try programs()):$PATH\ncd \(folder.path)\n"
    for (index, example) in guide.examples.enumerated() {
      let output = folder.path + "/output-\(index)"
      let file = folder.path + "/example-\(index)"
      let isShell = example.language == "sh"
      let code = isShell ? variables + example.code + "\n" : example.code
      try code.write(toFile: file, atomically: true, encoding: .utf8)
      let arguments =
        isShell
        ? ["/bin/bash", file]
        : [
          "/usr/bin/env", "-C", folder.path, "PYTHONPATH=" + Repository.path(".deps/oracle"),
          "/usr/bin/python3", file,
        ]
      do {
        try await ChildProgram.run(arguments, outputPath: output)
      } catch {
        Issue.record("\(example.code)\n\(try String(contentsOfFile: output, encoding: .utf8))")
        return
      }
      if isShell {
        // Later examples use what this one has set, without doing again what it did.
        variables +=
          example.code.split(separator: "\n").filter {
            $0.wholeMatch(of: /[a-z]+=\S.*/) != nil
          }.joined(separator: "\n") + "\n"
      }
      guard let shown = example.output else { continue }
      let got = try String(contentsOfFile: output, encoding: .utf8)
      #expect(Guide.matches(got, shown), "\(example.code)\n\(got)")
    }
  }

  @Test func anOutputIsHeldAgainstWhatIsShown() {
    #expect(Guide.matches("a\r\nb\n", "a\nb"))
    #expect(Guide.matches("a 12 b 34 c", "a … b … c"))
    #expect(!Guide.matches("a 12 b 34 d", "a … b … c"))
    #expect(!Guide.matches("x a 12", "a …"))
    #expect(!Guide.matches("ab", "a"))
  }

  /// The programs lie beside the test bundle.
  private static func programs() throws -> String {
    let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return (bundle as NSString).deletingLastPathComponent
  }
}
