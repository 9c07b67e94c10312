import Foundation
import Testing

@Suite("Documents name what is there")
struct DocumentLinksTests {
  private static let documents = Repository.files.filter { $0.path.hasSuffix(".md") }

  private static func text(_ file: SourceFile) -> String { file.lines.joined(separator: "\n") }

  @Test("Every link leads to a file, a folder or a heading of the repository")
  func linksLeadSomewhere() {
    #expect(Self.documents.count > 10)
    for document in Self.documents {
      for target in DocumentLinks.targets(in: Self.text(document)) {
        let (path, anchor) = DocumentLinks.resolved(target, in: document.path)
        let exists = FileManager.default.fileExists(
          atPath: Repository.root.appending(path: path).path)
        #expect(exists, "\(document.path): \(target)")
        guard let anchor, let file = Repository.file(path) else { continue }
        #expect(
          DocumentLinks.anchors(in: Self.text(file)).contains(anchor),
          "\(document.path): \(target)")
      }
    }
  }

  @Test("Every suite that the architecture names as an invariant's attacker exists")
  func suitesExist() throws {
    let architecture = try #require(Repository.file("ARCHITECTURE.md"))
    let tests = Repository.files.filter(Check.isTestSwift)
    let known = Set(
      tests.flatMap { $0.path.split(separator: "/") }.map { $0.split(separator: ".")[0] })
    let named = DocumentLinks.suites(in: Self.text(architecture))
    #expect(named.count > 20)
    #expect(named.filter { !known.contains(Substring($0)) }.sorted() == [])
  }

  @Test("Every file and folder of code that the architecture names exists")
  func placesExist() throws {
    let architecture = try #require(Repository.file("ARCHITECTURE.md"))
    let paths = Repository.files.map { "/" + $0.path }
    let named = DocumentLinks.places(in: Self.text(architecture))
    #expect(named.count > 20)
    let missing = named.filter { place in
      !paths.contains { $0.contains("/\(place).swift") || $0.contains("/\(place)/") }
    }
    #expect(missing.sorted() == [])
  }

  @Test("Links, anchors and names are found in a text")
  func textIsRead() {
    let text = "# A b: `c`\nsee [x](../y/z.md#w), [h](https://h.example) and `QTests`, `Aa/Bb+Cc`"
    #expect(DocumentLinks.targets(in: text) == ["../y/z.md#w"])
    #expect(DocumentLinks.anchors(in: text) == ["a-b-c"])
    #expect(DocumentLinks.suites(in: text) == ["QTests"])
    #expect(DocumentLinks.places(in: text) == ["Aa/Bb+Cc"])
    let resolved = DocumentLinks.resolved("../y/z.md#w", in: "docs/a.md")
    #expect(resolved.path == "y/z.md")
    #expect(resolved.anchor == "w")
  }
}
