import Foundation

/// A program of `Tests/Oracle`, which answers a request in JSON with the official engine.
package enum OracleProgram {
  /// - Parameter script: its name in `Tests/Oracle`.
  /// - Throws: `ChildProgram.Failure` when it refuses; what it said is on standard error.
  package static func run<Answer: Decodable>(
    _ script: String, _ request: some Encodable
  ) async throws -> Answer {
    // By files and not by pipes: Foundation's reading of a pipe ends at a signal.
    let folder = NSTemporaryDirectory() + "/oracle-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let (input, output) = (folder + "/request.json", folder + "/answer.json")
    try JSONEncoder().encode(request).write(to: URL(fileURLWithPath: input))
    try await ChildProgram.run(
      [
        "/usr/bin/env", "-i", "PYTHONPATH=\(root)/.deps/oracle", "HOME=/nonexistent",
        "PYTHONDONTWRITEBYTECODE=1",
        // The tests' server makes transactions read-only unless they say otherwise.
        "PGOPTIONS=-c default_transaction_read_only=off",
        "/usr/bin/python3", "\(root)/Tests/Oracle/\(script)", input, output,
      ], outputPath: "/dev/stderr")
    return try JSONDecoder().decode(
      Answer.self, from: try Data(contentsOf: URL(fileURLWithPath: output)))
  }

  /// The package's folder: this file lies three below it.
  private static let root = (0..<3).reduce(URL(fileURLWithPath: #filePath)) { url, _ in
    url.deletingLastPathComponent()
  }.path
}
