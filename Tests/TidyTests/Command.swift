import Foundation

/// Another program, run to its end on a thread of its own.
enum Command {
  struct Result: Sendable {
    let status: Int32
    /// Standard output and standard error, as they came.
    let output: String
  }

  /// Runs the program that `PATH` names, in the repository's root, with `input` as its standard
  /// input.
  ///
  /// Waiting blocks, and the cooperative pool has few threads, so none of them does it.
  /// - Throws: what `Process.run` throws when the program cannot be started.
  static func run(_ arguments: [String], input: String = "") async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(with: Swift.Result { try runBlocking(arguments, input: input) })
      }
    }
  }

  private static func runBlocking(_ arguments: [String], input: String) throws -> Result {
    let inputFile = FileManager.default.temporaryDirectory
      .appending(path: "tidy-\(UUID().uuidString)")
    try Data(input.utf8).write(to: inputFile)
    defer { try? FileManager.default.removeItem(at: inputFile) }

    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    process.currentDirectoryURL = Repository.root
    let output = Pipe()
    process.standardInput = try FileHandle(forReadingFrom: inputFile)
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return Result(
      status: process.terminationStatus, output: String(decoding: data, as: UTF8.self))
  }
}
