import Configuration
import Foundation
import Observability
import Testing

@Suite struct DocumentTests {
  /// Compares the part of a document between its marks with what the code declares, or writes it
  /// when asked to by the environment.
  private func check(_ name: String, declares table: String) throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let file = root.appending(path: "docs/\(name)")
    let text = try String(contentsOf: file, encoding: .utf8)
    let start = try #require(text.range(of: "<!-- table -->\n"))
    let end = try #require(text.range(of: "<!-- end of table -->"))
    if ProcessInfo.processInfo.environment["DUCKMESH_WRITE_DOCS"] == "1" {
      let written = text[..<start.upperBound] + table + text[end.lowerBound...]
      try String(written).write(to: file, atomically: true, encoding: .utf8)
      return
    }
    let documented = text[start.upperBound..<end.lowerBound].split(separator: "\n")
    let declared = table.split(separator: "\n")
    #expect(documented.filter { !declared.contains($0) } == [], "documented but not declared")
    #expect(declared.filter { !documented.contains($0) } == [], "declared but not documented")
    #expect(documented == declared, "in another order")
  }

  @Test func everyMetricIsDocumented() throws {
    let registry = MetricRegistry()
    _ = DuckMeshMetrics(registry: registry)
    try check("metrics.md", declares: MetricDocument.markdownTable(registry.descriptions))
  }

  @Test func everySettingIsDocumented() throws {
    try check("configuration.md", declares: ConfigurationDocument.markdownTable)
  }
}
