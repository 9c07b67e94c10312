import Testing

/// A text that breaks one rule, and a close relative that does not.
struct PlantedViolation: Sendable, CustomTestStringConvertible {
  let rule: String
  let path: String
  let bad: String
  let good: String

  init(_ rule: String, at path: String = "Sources/Lake/Example.swift", bad: String, good: String) {
    self.rule = rule
    self.path = path
    self.bad = bad
    self.good = good
  }

  var testDescription: String { rule + ": " + bad.prefix(40).replacing("\n", with: " ") }
}

extension PlantedViolation {
  static let all = lengths + safety + structure + wording + decisions

  private static func function(bodyLines: Int) -> String {
    "func long(\n  a: Int = { 1 }()\n) {\n" + String(repeating: "  step()\n", count: bodyLines)
      + "}\nfunc short() {}\n"
  }

  private static let columnsRule =
    "a line has at most 100 columns, unless it holds an address or a text"

  private static let lengths = [
    PlantedViolation(
      "a file has at most 500 lines", bad: String(repeating: "x\n", count: 501),
      good: String(repeating: "x\n", count: 500)),
    PlantedViolation(
      "a function has at most 70 lines", bad: function(bodyLines: 67), good: function(bodyLines: 66)
    ),
    PlantedViolation(
      columnsRule, bad: String(repeating: "x", count: 101), good: String(repeating: "é", count: 100)
    ),
    PlantedViolation(
      columnsRule, bad: "// \"" + String(repeating: "x", count: 100),
      good: "a(\"" + String(repeating: "x", count: 100) + "\")"),
  ]

  private static let unsafeRule =
    "@unchecked and nonisolated(unsafe) say why on their line or the line above"
  private static let taskRule = "no unstructured Task outside the runtime and the HTTP server"
  private static let printRule = "no print outside the command-line programs"

  private static let safety = [
    PlantedViolation("no try!", bad: "let a = try! b()", good: "let a = try b() // try! no"),
    PlantedViolation("no fatalError", bad: "fatalError(\"x\")", good: "// fatalError(\"x\")"),
    PlantedViolation(
      unsafeRule, bad: "final class A: @unchecked Sendable {}",
      good: "// Guarded by the lock.\nfinal class A: @unchecked Sendable {}"),
    PlantedViolation(
      unsafeRule, bad: "\n@usableFromInline\nfinal class A: @unchecked Sendable {}",
      good: "// Guarded by the lock.\n@usableFromInline\nfinal class A: @unchecked Sendable {}"),
    PlantedViolation(
      unsafeRule, bad: "\nnonisolated(unsafe) var a = 1",
      good: "nonisolated(unsafe) var a = 1  // set once before any thread starts"),
    PlantedViolation(taskRule, bad: "Task { await a() }", good: "await Task.yield()"),
    PlantedViolation(
      taskRule, bad: "Task<Void, Never> { }", good: "let a: Task<Void, Never>"),
    PlantedViolation(
      taskRule, bad: "Task.detached { }", good: "group.addTask { await a() }"),
    PlantedViolation(
      taskRule, bad: "Task(priority: .high) { }", good: "MyTask(priority: .high)"),
    PlantedViolation(printRule, bad: "  print(a)", good: "a.print(b); sprint(a)"),
  ]

  private static let cModuleRule = "a C module is imported by its one wrapper alone"

  private static let structure = [
    PlantedViolation(
      cModuleRule, at: "Sources/Wrappers/Digest/A.swift", bad: "import CSQLite",
      good: "import CCrypto"),
    PlantedViolation(
      cModuleRule, at: "Tests/DuckDBTests/A.swift", bad: "package import struct CDuckDB.idx_t",
      good: "import DuckDB"),
    PlantedViolation(
      "no public: the package's own access level is enough", bad: "public struct A {}",
      good: "package struct A {} // public"),
    PlantedViolation(
      "no file named for being useful", at: "Sources/Lake/StringUtils.swift", bad: "", good: ""),
    PlantedViolation("no banner comments", bad: "// ======", good: "// = 1"),
    PlantedViolation(
      "tests use package access, so that they build in release",
      bad: "@testable import Model", good: "import Model"),
    PlantedViolation(
      "a test is never switched off", at: "Tests/A/A.swift", bad: "@Test(.disabled()) func a() {}",
      good: "@Test func a() {}"),
  ]

  private static let wording = [
    PlantedViolation("no promises of later work", bad: "// TO" + "DO: more", good: "// to do it"),
    PlantedViolation(
      "no registry is named", at: "scripts/deps", bad: "curl https://py" + "pi.org", good: "pip"),
    PlantedViolation(
      "the repository speaks of the product alone", at: "README.md", bad: "see /wo" + "rk/main",
      good: "see work/main"),
    PlantedViolation(
      "documents name no temporary folder", at: "README.md", bad: "in /tm" + "p/data",
      good: "in a temporary folder"),
  ]

  private static let decisionRule =
    "a decision record has a numbered title, its context, decision and consequences"
  private static let decision =
    "# 0007: Use it\n\n## Context\n\nA\n\n## Decision\n\nB\n\n## Consequences\n\nC\n"

  private static let decisions = [
    PlantedViolation(
      decisionRule, at: "docs/decisions/0007-use-it.md",
      bad: decision.replacing("## Consequences", with: "## After"), good: decision),
    PlantedViolation(
      decisionRule, at: "docs/decisions/0007-use-it.md",
      bad: decision.replacing("0007", with: "0008"), good: decision),
  ]
}
