import Testing

@Suite("Rings of the package")
struct ManifestTests {
  @Test("Each C module has exactly one wrapper")
  func eachCModuleHasOneWrapper() {
    let manifest = Manifest.current
    #expect(manifest.cModules.count >= 8)
    for module in manifest.cModules {
      let wrappers = manifest.wrappers.filter { $0.value.contains(module) }.keys
      #expect(wrappers.count == 1, "\(module): \(wrappers.sorted())")
    }
  }

  @Test("The manifest's rings are read from its text")
  func ringsAreRead() {
    let manifest = Manifest(
      """
      systemLibrary("CA", package: "a"),
      .target(name: "CB", path: "Sources/CLibraries/CB"),
      swiftTarget("A", in: "Wrappers", ["CA", "CB"]),
      swiftTarget(
        "B", in: "Wrappers",
        ["CB", "A"]),
      swiftTarget("C", in: "Lake", ["CA"]),
      """)
    #expect(manifest.cModules == ["CA", "CB"])
    #expect(manifest.wrappers == ["A": ["CA", "CB"], "B": ["CB"]])
  }

  @Test("The code map names every target of the package")
  func codeMapNamesEveryTarget() throws {
    let manifest = try #require(Repository.file("Package.swift"))
    let map = try #require(Repository.file("ARCHITECTURE.md")).lines.joined(separator: "\n")
    let pattern = /(?:swiftTarget|systemLibrary|program)\(\s*"(\w+)"|^\s*name: "(C\w+)"/
    let names = manifest.lines.joined(separator: "\n").matches(
      of: pattern.anchorsMatchLineEndings()
    )
    .compactMap { $0.output.1 ?? $0.output.2 }
    #expect(names.count > 30)
    for name in names {
      #expect(map.contains("`\(name)`"), "ARCHITECTURE.md does not name \(name)")
    }
  }
}
