import Foundation

/// Another program, run to its end on a thread of its own.
enum Command {
  struct Result: Sendable {
    /// The exit status; negative, the number of the signal that ended the program.
    let status: Int32
    /// Standard output and standard error, as they came.
    let output: String
  }

  struct StartFailure: Error {
    let arguments: [String]
    let errorNumber: Int32
  }

  /// Runs the program that `PATH` names, with `input` as its standard input.
  ///
  /// Waiting blocks, and the cooperative pool has few threads, so none of them does it.
  /// Foundation's `Process` is not used: several at once can wait forever for ended children.
  /// - Throws: `StartFailure`, or the file system's error on the temporary files.
  static func run(_ arguments: [String], input: String = "") async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(with: Swift.Result { try runBlocking(arguments, input: input) })
      }
    }
  }

  /// Input and output are files: a pipe could stay open in a sibling's child.
  private static func runBlocking(_ arguments: [String], input: String) throws -> Result {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "tidy-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let inputFile = folder.appending(path: "input")
    let outputFile = folder.appending(path: "output")
    try Data(input.utf8).write(to: inputFile)

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, inputFile.path, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, outputFile.path, O_WRONLY | O_CREAT, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // Another test's pipe or socket must not stay open in a child that outlives it.
    _ = addCloseFrom(&actions, 3)

    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    var child = pid_t()
    let errorNumber = posix_spawnp(&child, arguments[0], &actions, nil, words, environ)
    guard errorNumber == 0 else {
      throw StartFailure(arguments: arguments, errorNumber: errorNumber)
    }
    let status = waitForEnd(of: child)
    return Result(status: status, output: try String(contentsOf: outputFile, encoding: .utf8))
  }

  private static func waitForEnd(of child: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(child, &status, 0) == -1, errno == EINTR {}
    let signal = status & 0x7f
    return signal == 0 ? (status >> 8) & 0xff : -signal
  }
}

/// Glibc has it since 2.34, but its module does not show it.
@_silgen_name("posix_spawn_file_actions_addclosefrom_np")
private func addCloseFrom(
  _ actions: UnsafeMutablePointer<posix_spawn_file_actions_t>, _ first: Int32
) -> Int32
