/// What Package.swift says about the rings, read from its text.
struct Manifest: Sendable {
  /// The C modules, wrapped or not.
  let cModules: Set<String>
  /// The wrapper targets with the C modules that each depends on.
  let wrappers: [String: [String]]

  static let current = Manifest(
    Repository.file("Package.swift")?.lines.joined(separator: "\n") ?? "")

  init(_ text: String) {
    var cModules: Set<String> = []
    for match in text.matches(of: /systemLibrary\(\s*"(\w+)"/) {
      cModules.insert(String(match.output.1))
    }
    for match in text.matches(of: /name: "(\w+)", path: "Sources\/CLibraries\//) {
      cModules.insert(String(match.output.1))
    }
    var wrappers: [String: [String]] = [:]
    for match in text.matches(of: /swiftTarget\(\s*"(\w+)", in: "Wrappers",\s*\[([^\]]*)\]/) {
      wrappers[String(match.output.1)] = match.output.2.matches(of: /"(\w+)"/)
        .map { String($0.output.1) }.filter(cModules.contains)
    }
    self.cModules = cModules
    self.wrappers = wrappers
  }

  var wrapperOfCModule: [String: String] {
    var result: [String: String] = [:]
    for (wrapper, modules) in wrappers { for module in modules { result[module] = wrapper } }
    return result
  }
}
