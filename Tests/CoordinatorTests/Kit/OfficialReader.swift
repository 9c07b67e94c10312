import Foundation

/// The official DuckLake extension, run in a process of its own on a catalog that nobody changes.
struct OfficialReader: Sendable {
  struct Question: Encodable, Sendable {
    let sql: String
    let snapshot: Int64?
  }

  struct Failure: Error { let status: Int32 }

  private struct Request: Encodable {
    let catalog: String
    let schema: String
    let questions: [Question]
    let merge: Bool
    let statements: [String]
  }

  /// A file of SQLite, or `postgres:` and a connection.
  let catalog: String
  let schema: String

  /// - Parameters:
  ///   - merging: whether the extension merges files before it answers.
  ///   - statements: what it does before that, with the catalog attached as `lake`.
  /// - Returns: for each question the rows, values as text.
  func ask(
    _ questions: [Question], merging: Bool = false, running statements: [String] = []
  ) async throws -> [[[String?]]] {
    let input = try JSONEncoder().encode(
      Request(
        catalog: catalog, schema: schema, questions: questions, merge: merging,
        statements: statements))
    return try await offPool {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
      process.arguments = [Self.root + "/Tests/Oracle/ducklake_rows.py"]
      process.environment = [
        "PYTHONPATH": Self.root + "/.deps/oracle", "HOME": "/nonexistent",
        // The tests' server makes transactions read-only unless they say otherwise.
        "PGOPTIONS": "-c default_transaction_read_only=off",
      ]
      let (standardInput, standardOutput) = (Pipe(), Pipe())
      process.standardInput = standardInput
      process.standardOutput = standardOutput
      try process.run()
      try standardInput.fileHandleForWriting.write(contentsOf: input)
      try standardInput.fileHandleForWriting.close()
      let output = try standardOutput.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      guard process.terminationStatus == 0 else {
        throw Failure(status: process.terminationStatus)
      }
      return try JSONDecoder().decode([[[String?]]].self, from: output)
    }
  }

  /// The package's folder: this file lies four below it.
  private static let root = (0..<4).reduce(URL(fileURLWithPath: #filePath)) { url, _ in
    url.deletingLastPathComponent()
  }.path
}
