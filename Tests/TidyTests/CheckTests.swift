import Testing

@Suite("Rules of the house")
struct CheckTests {
  @Test("The repository obeys", arguments: Check.all)
  func repositoryObeys(check: Check) {
    let findings = Repository.files.filter(check.appliesTo).flatMap(check.findings)
    #expect(findings.isEmpty, "\(findings.map(\.description).joined(separator: "\n"))")
  }

  @Test(
    "A planted violation is found and its good relative is not", arguments: PlantedViolation.all)
  func plantedViolationIsFound(planted: PlantedViolation) throws {
    let check = try #require(Check.all.first { $0.rule == planted.rule })
    let bad = SourceFile(path: planted.path, text: planted.bad)
    #expect(check.appliesTo(bad))
    #expect(check.findings(bad).count == 1)
    if planted.good != planted.bad {
      #expect(check.findings(SourceFile(path: planted.path, text: planted.good)).isEmpty)
    }
  }

  @Test("Every check has a planted violation")
  func everyCheckCanFail() {
    #expect(Set(PlantedViolation.all.map(\.rule)) == Set(Check.all.map(\.rule)))
  }

  @Test("The checks see the sources, the tests, the scripts and the documents")
  func repositoryIsSeen() {
    for path in ["Package.swift", "Makefile", "scripts/deps", "ARCHITECTURE.md", ".ci/run"] {
      #expect(Repository.file(path) != nil, "\(path)")
    }
    #expect(Repository.files.filter(Check.isProductSwift).count > 20)
    #expect(Repository.files.filter(Check.isTestSwift).count > 10)
    #expect(Repository.files.filter(Check.isShell).count >= 4)
  }

  @Test("Decision records are numbered without gaps")
  func decisionsAreNumbered() {
    let numbers = Repository.files.filter { $0.isUnder("docs/decisions") }
      .compactMap { Int($0.name.prefix(4)) }.sorted()
    #expect(!numbers.isEmpty && numbers == Array(1...max(1, numbers.count)))
  }
}
