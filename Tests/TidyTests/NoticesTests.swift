import Foundation
import Testing

@Suite("Third-party notices")
struct NoticesTests {
  /// The folder of the running test program, which is also that of the two programs.
  private static var buildFolder: URL {
    URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
  }

  /// The names of the shared libraries in the output of `ldd`, and of those that it cannot find.
  private static func libraries(in output: String) -> (found: Set<String>, missing: Set<String>) {
    var found: Set<String> = []
    var missing: Set<String> = []
    for line in output.split(separator: "\n") {
      let words = line.split(whereSeparator: \.isWhitespace)
      guard let first = words.first, first.contains(".so"), first != "linux-vdso.so.1" else {
        continue
      }
      let name = String(first.split(separator: "/").last ?? first)
      if line.hasSuffix("=> not found") { missing.insert(name) } else { found.insert(name) }
    }
    return (found, missing)
  }

  private static func listed(in notices: SourceFile) -> Set<String> {
    Set(
      notices.lines.filter { $0.hasPrefix("  lib") || $0.hasPrefix("  ld-") }
        .map { $0.trimmingCharacters(in: .whitespaces) })
  }

  @Test(
    "Every shared library that a program loads is listed", arguments: ["duckmesh", "duckmeshctl"])
  func librariesAreListed(program: String) async throws {
    let notices = try #require(Repository.file("THIRD_PARTY_NOTICES"))
    let path = Self.buildFolder.appending(path: program).path
    let result = try await Command.run(["ldd", path])
    #expect(result.status == 0, "\(result.output)")
    let (found, missing) = Self.libraries(in: result.output)
    #expect(found.contains("libc.so.6"))
    #expect(missing.isEmpty)
    let unlisted = found.subtracting(Self.listed(in: notices))
    #expect(unlisted.isEmpty, "run `make notices`: \(unlisted.sorted())")
  }

  @Test("An unlisted and a missing library are told apart from listed ones")
  func unlistedLibraryIsFound() {
    let output = """
      \tlinux-vdso.so.1 (0x00007f)
      \tlibodd.so.1 => /lib/libodd.so.1 (0x00007f)
      \tlibgone.so.2 => not found
      \t/lib64/ld-linux-x86-64.so.2 (0x00007f)
      """
    let (found, missing) = Self.libraries(in: output)
    #expect(found == ["libodd.so.1", "ld-linux-x86-64.so.2"])
    #expect(missing == ["libgone.so.2"])
    let notices = SourceFile(
      path: "N", text: "odd (MIT)\n  libother.so.1\n  ld-linux-x86-64.so.2\n")
    #expect(found.subtracting(Self.listed(in: notices)) == ["libodd.so.1"])
  }

  @Test("Libraries under the LGPL are linked dynamically and named so")
  func lgplIsDynamic() throws {
    let notices = try #require(Repository.file("THIRD_PARTY_NOTICES"))
    #expect(notices.lines.contains { $0.hasPrefix("libmicrohttpd12 (LGPL") })
    #expect(notices.lines.contains { $0.hasPrefix("libgnutls30 (LGPL") })
  }
}
