import Testing

/// Checks that need another program.
@Suite("Tools agree")
struct ToolTests {
  private static let formatter = ["swift", "format", "lint", "--strict"]

  @Test("swift format finds nothing in the sources, the tests and the manifest")
  func sourcesAreFormatted() async throws {
    let paths =
      ["--parallel", "--recursive"]
      + ["Sources", "Tests", "Package.swift"].map { Repository.root.appending(path: $0).path }
    let result = try await Command.run(Self.formatter + paths)
    #expect(result.status == 0, "\(result.output)")
  }

  @Test("swift format finds a planted violation")
  func formatterCanFail() async throws {
    let arguments =
      Self.formatter + [
        "--configuration", Repository.root.appending(path: ".swift-format").path, "-",
      ]
    let bad = try await Command.run(arguments, input: "func a( ){return}\n")
    #expect(bad.status != 0)
    let good = try await Command.run(arguments, input: "func a() { return }\n")
    #expect(good.status == 0, "\(good.output)")
  }

  @Test("Every shell script can be read by bash", arguments: Repository.files.filter(Check.isShell))
  func scriptIsReadable(script: SourceFile) async throws {
    let result = try await Command.run(
      ["bash", "-n"], input: script.lines.joined(separator: "\n"))
    #expect(result.status == 0, "\(script.path): \(result.output)")
  }

  @Test("The benchmark suite's own tests pass")
  func benchmarkSuiteIsSound() async throws {
    let root = Repository.root.path
    let result = try await Command.run([
      "/usr/bin/python3", "-B", "-m", "unittest", "discover", "--quiet",
      "--start-directory", root + "/bench/tests", "--top-level-directory", root,
    ])
    #expect(result.status == 0, "\(result.output)")
  }

  @Test("bash finds a planted violation")
  func bashCanFail() async throws {
    let result = try await Command.run(["bash", "-n"], input: "if true; then\n")
    #expect(result.status != 0)
  }
}
