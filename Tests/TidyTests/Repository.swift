import Foundation

/// The checkout that these tests were built from.
enum Repository {
  static let root: URL = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Every text file, without build products, installed dependencies and data.
  static let files: [SourceFile] = {
    let skipped: Set<String> = [".git", ".build", ".deps", "duckmesh-data"]
    var files: [SourceFile] = []
    var folders = [""]
    while let folder = folders.popLast() {
      let names = try? FileManager.default.contentsOfDirectory(
        atPath: root.appending(path: folder).path)
      for name in (names ?? []).sorted() where !skipped.contains(name) {
        let path = folder.isEmpty ? name : folder + "/" + name
        let url = root.appending(path: path)
        if (try? url.resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory == true {
          folders.append(path)
        } else if let text = try? String(contentsOf: url, encoding: .utf8) {
          files.append(SourceFile(path: path, text: text))
        }
      }
    }
    return files
  }()

  static func file(_ path: String) -> SourceFile? { files.first { $0.path == path } }
}
